import {
  apiError,
  contextLengthExceeded,
  RefusedError,
  type Sampling,
  type TextInput,
} from '@millrace/openai';
import type { ServedModel } from './served-engine.ts';

/** The tokens of a text or of a list of tokens, which are checked. Throws `RefusedError` naming `path`. */
export function tokensOf(
  input: TextInput,
  model: ServedModel,
  options: { readonly path: string; readonly addSpecial: boolean },
): Int32Array {
  const { vocabulary } = model;
  const { path, addSpecial } = options;
  if (input.kind === 'tokens') {
    checkTokens(input.tokens, model, path);
    return input.tokens;
  }
  checkTextLength(input.text, model, path);
  const tokens = vocabulary.tokenize(input.text, { addSpecial, parseSpecial: true });
  if (tokens.length > 0) return tokens;
  // A model needs one token to go on from.
  const first = vocabulary.bosToken ?? vocabulary.eosToken;
  if (first !== undefined) return Int32Array.of(first);
  throw refused('it is empty, and this model needs at least one token', path);
}

/** The tokens of a rendered conversation, with the special tokens that its template wrote. */
export function tokensOfPrompt(text: string, model: ServedModel, path: string): Int32Array {
  checkTextLength(text, model, path);
  const { vocabulary } = model;
  const tokens = vocabulary.tokenize(text, { addSpecial: false, parseSpecial: true });
  const { bosToken, addsBos } = vocabulary;
  if (!addsBos || bosToken === undefined || tokens[0] === bosToken) return tokens;
  const whole = new Int32Array(tokens.length + 1);
  whole[0] = bosToken;
  whole.set(tokens, 1);
  return whole;
}

/** Throws `RefusedError` at the first token that the vocabulary does not have. */
export function checkTokens(tokens: Int32Array, model: ServedModel, path: string): void {
  const { tokenCount } = model.vocabulary;
  const index = tokens.findIndex((token) => token >= tokenCount);
  if (index < 0) return;
  const reason = `${tokens[index]} is not a token of this model, which has ${tokenCount}`;
  throw refused(reason, `${path}[${index}]`);
}

/** Throws `RefusedError` at the first token with a bias that the vocabulary does not have. */
export function checkBiases({ logitBias }: Sampling, model: ServedModel): void {
  const { tokenCount } = model.vocabulary;
  for (const token of logitBias?.keys() ?? []) {
    if (token < tokenCount) continue;
    const reason = `${token} is not a token of this model, which has ${tokenCount}`;
    throw refused(reason, `logit_bias.${token}`);
  }
}

/** No token of a known vocabulary is longer; beyond that a text is refused before it is tokenised. */
const charactersPerTokenMax = 128;

function checkTextLength(text: string, model: ServedModel, path: string): void {
  const tokensLeast = Math.floor(text.length / charactersPerTokenMax);
  if (tokensLeast <= model.contextTokensMax) return;
  throw new RefusedError(contextLengthExceeded(tokensLeast, model.contextTokensMax - 1, path));
}

function refused(reason: string, path: string): RefusedError {
  return new RefusedError(apiError('invalid_value', `'${path}': ${reason}.`, { param: path }));
}
