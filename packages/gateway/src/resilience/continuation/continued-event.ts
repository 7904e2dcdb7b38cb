import { type AnswerSoFar, fieldsOf, parsed, textOf } from './answer-so-far.ts';

/** Where a stream went on, as its client is told. */
export interface ContinuationMark {
  readonly from: string;
  readonly to: string;
  readonly chunksBefore: number;
}

/**
 * An event of the second engine as one of the first stream: its id, its model, its time; `undefined` for one that would
 * begin the message anew. The first that brings something carries the mark.
 */
export function continuedEvent(
  text: string,
  answer: AnswerSoFar,
  mark: ContinuationMark | undefined,
): { readonly text: string; readonly isMarked: boolean } | undefined {
  if (text === '[DONE]') return { text: 'data: [DONE]\n\n', isMarked: false };
  const chunk = fieldsOf(parsed(text));
  if (chunk === undefined) return { text: `data: ${text}\n\n`, isMarked: false };
  const choices = Array.isArray(chunk['choices']) ? (chunk['choices'] as readonly unknown[]) : [];
  const choice = fieldsOf(choices[0]);
  const opensOnly =
    choice !== undefined &&
    textOf(choice) === '' &&
    (choice['finish_reason'] ?? null) === null &&
    (chunk['usage'] ?? null) === null;
  if (opensOnly) return undefined;
  const { choices: _choices, usage, ...others } = chunk;
  const shown = {
    ...others,
    ...answer.head,
    choices: choices.map(withoutRole),
    ...(usage !== undefined && { usage: wholeUsage(usage, answer.chunks) }),
    ...(mark !== undefined && {
      millrace: {
        continued: { from: mark.from, to: mark.to, chunks_before: mark.chunksBefore },
      },
    }),
  };
  return { text: `data: ${JSON.stringify(shown)}\n\n`, isMarked: mark !== undefined };
}

/** The event that ends an answer which had come to its bound when its engine died. */
export function lengthEvent(answer: AnswerSoFar, isChat: boolean): string {
  const choice = isChat
    ? { index: 0, delta: {}, finish_reason: 'length' }
    : { index: 0, text: '', finish_reason: 'length' };
  return `data: ${JSON.stringify({ ...answer.head, choices: [choice] })}\n\n`;
}

function withoutRole(choice: unknown): unknown {
  const fields = fieldsOf(choice);
  const delta = fieldsOf(fields?.['delta']);
  if (fields === undefined || delta === undefined || delta['role'] === undefined) return choice;
  const { role: _role, ...others } = delta;
  return { ...fields, delta: others };
}

/** Usage as if one engine had answered: what was replayed is no prompt. */
function wholeUsage(usage: unknown, chunksBefore: number): unknown {
  const fields = fieldsOf(usage);
  const { prompt_tokens: prompt, completion_tokens: completion } = fields ?? {};
  if (typeof prompt !== 'number' || typeof completion !== 'number') return usage;
  return {
    ...fields,
    prompt_tokens: Math.max(0, prompt - chunksBefore),
    completion_tokens: completion + chunksBefore,
  };
}
