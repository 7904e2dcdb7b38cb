import { closeSync, openSync, writeSync } from 'node:fs';
import { encodeRecordedEvent, encodeRecordingHead } from '@millrace/probes';

interface RecorderOptions {
  readonly path: string;
  readonly epochNs: number;
  /** All that may ever tell, by the number that stands before their records. */
  readonly probes: readonly string[];
}

/** Writes what probes tell to a file that only its owner may read. Disposing closes it. */
export class TraceRecorder implements Disposable {
  readonly #file: number;
  readonly #numbers: ReadonlyMap<string, number>;

  /** Throws where the file cannot be written. */
  constructor({ path, epochNs, probes }: RecorderOptions) {
    this.#file = openSync(path, 'w', 0o600);
    this.#numbers = new Map(probes.map((name, number) => [name, number]));
    writeSync(this.#file, encodeRecordingHead({ epochNs, probes }));
  }

  write(
    probe: string,
    record: { readonly view: DataView; readonly offset: number; readonly byteLength: number },
  ): void {
    writeSync(this.#file, encodeRecordedEvent(this.#numbers.get(probe) ?? 0, record));
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}
