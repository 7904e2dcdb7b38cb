import type { Vocabulary } from '@millrace/llama';
import type { Engine, EngineModel } from '../engine.ts';

/** What the server asks of a vocabulary. */
export type ServedVocabulary = Pick<
  Vocabulary,
  'tokenCount' | 'bosToken' | 'eosToken' | 'addsBos' | 'tokenize' | 'detokenize'
>;

/** The model behind a server. */
export interface ServedModel extends Omit<
  EngineModel,
  'vocabulary' | 'path' | 'fileType' | 'description'
> {
  readonly vocabulary: ServedVocabulary;
}

/** What the server asks of an engine. */
export interface ServedEngine extends Pick<Engine, 'metrics' | 'isReady' | 'submit' | 'embed'> {
  readonly model: ServedModel;
}
