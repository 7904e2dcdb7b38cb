/** The bounded things. */
export type RequestBound =
  | 'answersMax'
  | 'choicesMax'
  | 'deadlineMsMax'
  | 'embeddingInputsMax'
  | 'grammarCharactersMax'
  | 'logitBiasesMax'
  | 'messagesMax'
  | 'partsMax'
  | 'promptsMax'
  | 'stopCharactersMax'
  | 'stopsMax'
  | 'tokenIdMax'
  | 'toolsMax'
  | 'topLogprobsMax';

/** Bounds of a request, whatever serves it. What is beyond them is refused by name. */
export const requestBounds: Readonly<Record<RequestBound, number>> = {
  /** OpenAI's own limit. */
  choicesMax: 128,
  /** Prompts of one completion request. */
  promptsMax: 256,
  /** Prompts times choices of one request. */
  answersMax: 256,
  messagesMax: 4096,
  partsMax: 1024,
  /** OpenAI's own limit. */
  stopsMax: 4,
  stopCharactersMax: 1024,
  /** OpenAI's own limit. */
  topLogprobsMax: 20,
  logitBiasesMax: 1024,
  /** OpenAI's own limit. */
  toolsMax: 128,
  embeddingInputsMax: 2048,
  tokenIdMax: 2 ** 31 - 1,
  deadlineMsMax: 86_400_000,
  grammarCharactersMax: 262_144,
};

/** Bounds of a scan. */
export const scanBounds: Readonly<Record<'depthMax', number>> = {
  /** Objects and arrays inside one another, the outermost included. Schemas of tools are the deepest that is known. */
  depthMax: 256,
};
