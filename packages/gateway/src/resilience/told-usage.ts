/** What an engine says of an answer's tokens. */
export interface ToldUsage {
  readonly promptTokens: number;
  readonly outputTokens: number | undefined;
  /** Prompt tokens that it took from its cache; `undefined` where it does not say. */
  readonly cachedTokens: number | undefined;
}

const promptForm = /"prompt_tokens"\s*:\s*(\d{1,9})/g;
const outputForm = /"completion_tokens"\s*:\s*(\d{1,9})/g;
const cachedForm = /"cached_tokens"\s*:\s*(\d{1,9})/g;
// llama.cpp tells it in every stream's last event, whether usage was asked for or not.
const timingForm = /"cache_n"\s*:\s*(\d{1,9})\s*,\s*"prompt_n"\s*:\s*(\d{1,9})/g;

/**
 * Reads the usage from the last bytes of an answer. The last that is written counts: what a model says may look like one,
 * but stands before it, and quotes in it are escaped.
 */
export function toldUsage(tail: Buffer): ToldUsage | undefined {
  const text = tail.toString('latin1');
  const promptTokens = lastOf(text, promptForm)?.[0];
  const timing = lastOf(text, timingForm);
  if (promptTokens !== undefined) {
    return {
      promptTokens,
      outputTokens: lastOf(text, outputForm)?.[0],
      cachedTokens: lastOf(text, cachedForm)?.[0] ?? timing?.[0],
    };
  }
  const [cached, computed] = timing ?? [];
  if (cached === undefined || computed === undefined) return undefined;
  return { promptTokens: cached + computed, outputTokens: undefined, cachedTokens: cached };
}

function lastOf(text: string, form: RegExp): readonly number[] | undefined {
  const found = [...text.matchAll(form)].at(-1);
  return found?.slice(1).map(Number);
}
