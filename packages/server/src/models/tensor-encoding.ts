/** How a tensor's numbers are packed: so many elements in a block of so many bytes. */
export interface TensorEncoding {
  readonly name: string;
  readonly blockElements: number;
  readonly blockBytes: number;
}

const superBlock = 256;

/** Encodings by the id that GGUF files hold (ggml.h, enum ggml_type; sizes from ggml-common.h). */
const encodings: Readonly<
  Record<number, readonly [name: string, elements: number, bytes: number]>
> = {
  0: ['F32', 1, 4],
  1: ['F16', 1, 2],
  2: ['Q4_0', 32, 18],
  3: ['Q4_1', 32, 20],
  6: ['Q5_0', 32, 22],
  7: ['Q5_1', 32, 24],
  8: ['Q8_0', 32, 34],
  9: ['Q8_1', 32, 36],
  10: ['Q2_K', superBlock, 84],
  11: ['Q3_K', superBlock, 110],
  12: ['Q4_K', superBlock, 144],
  13: ['Q5_K', superBlock, 176],
  14: ['Q6_K', superBlock, 210],
  15: ['Q8_K', superBlock, 292],
  16: ['IQ2_XXS', superBlock, 66],
  17: ['IQ2_XS', superBlock, 74],
  18: ['IQ3_XXS', superBlock, 98],
  19: ['IQ1_S', superBlock, 50],
  20: ['IQ4_NL', 32, 18],
  21: ['IQ3_S', superBlock, 110],
  22: ['IQ2_S', superBlock, 82],
  23: ['IQ4_XS', superBlock, 136],
  24: ['I8', 1, 1],
  25: ['I16', 1, 2],
  26: ['I32', 1, 4],
  27: ['I64', 1, 8],
  28: ['F64', 1, 8],
  29: ['IQ1_M', superBlock, 56],
  30: ['BF16', 1, 2],
  34: ['TQ1_0', superBlock, 54],
  35: ['TQ2_0', superBlock, 66],
  39: ['MXFP4', 32, 17],
  40: ['NVFP4', 64, 36],
  41: ['Q1_0', 128, 18],
  42: ['Q2_0', 64, 18],
};

/** Names of mixtures by `general.file_type` (llama.h, enum llama_ftype); the others bear their encoding's name. */
const mixtures: Readonly<Record<number, string>> = {
  11: 'Q3_K_S',
  12: 'Q3_K_M',
  13: 'Q3_K_L',
  14: 'Q4_K_S',
  15: 'Q4_K_M',
  16: 'Q5_K_S',
  17: 'Q5_K_M',
  21: 'Q2_K_S',
};

/** The encoding with this id; undefined when this version does not know it. */
export function tensorEncoding(id: number): TensorEncoding | undefined {
  const entry = encodings[id];
  if (entry === undefined) return undefined;
  const [name, blockElements, blockBytes] = entry;
  return { name, blockElements, blockBytes };
}

/**
 * What a file's quantisation is called: the encoding of most of its weights, or the mixture's name where the file
 * states one that agrees. Some files state none, or a wrong one.
 */
export function encodingLabel(dominant: string, fileType: number | undefined): string {
  const stated = fileType === undefined ? undefined : mixtures[fileType];
  return stated?.startsWith(dominant) === true ? stated : dominant;
}
