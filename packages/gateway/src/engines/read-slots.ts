import type { EngineLoad } from './read-load.ts';

/** What slots say. */
export interface SlotsReading {
  readonly load: Pick<EngineLoad, 'kvUsage' | 'waitingTokens'>;
  /** Tokens that all of them have room for. */
  readonly cacheTokens: number;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * What the slots of llama.cpp's server say of its load, where its metrics say nothing: the use of its cache, and prompt
 * tokens that wait to be computed. A slot counts what it has generated as part of its prompt. Undefined: these are no slots.
 */
export function readSlots(slots: unknown): SlotsReading | undefined {
  if (!Array.isArray(slots) || slots.length === 0) return undefined;
  let [held, room, waiting] = [0, 0, 0];
  for (const slot of slots as readonly unknown[]) {
    const fields = (typeof slot === 'object' && slot !== null ? slot : {}) as Fields;
    const cells = countOf(fields['n_ctx']);
    if (cells === undefined) return undefined;
    room += cells;
    if (fields['is_processing'] !== true) continue;
    const prompt = countOf(fields['n_prompt_tokens']) ?? 0;
    held += prompt;
    if (decodedOf(fields['next_token']) > 0) continue;
    const processed = countOf(fields['n_prompt_tokens_processed']) ?? 0;
    const cached = countOf(fields['n_prompt_tokens_cache']) ?? 0;
    waiting += Math.max(0, prompt - processed - cached);
  }
  const kvUsage = Math.min(1, held / room);
  return { load: { kvUsage, waitingTokens: waiting }, cacheTokens: room };
}

/** One object, or a list of one, by version. */
function decodedOf(next: unknown): number {
  const first = (Array.isArray(next) ? next[0] : next) as Fields | undefined | null;
  return countOf(first?.['n_decoded']) ?? 0;
}

function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
