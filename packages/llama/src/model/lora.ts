import { assert } from '@millrace/stdx';
import type { LlamaFunctions, Pointer } from '../abi/functions.ts';

/** A loaded LoRA adapter. It stays loaded until it is disposed, which must come after the contexts that use it. */
export class Lora implements Disposable {
  readonly path: string;
  readonly #functions: LlamaFunctions;
  #address: Pointer | undefined;

  constructor(options: {
    readonly functions: LlamaFunctions;
    readonly address: Pointer;
    readonly path: string;
  }) {
    this.#functions = options.functions;
    this.#address = options.address;
    this.path = options.path;
  }

  get address(): Pointer {
    assert(this.#address !== undefined, `LoRA ${this.path} is used after it was disposed`);
    return this.#address;
  }

  [Symbol.dispose](): void {
    const address = this.#address;
    if (address === undefined) return;
    this.#address = undefined;
    this.#functions.call('llama_adapter_lora_free', address);
  }
}
