import { answerTo } from '../backends/backend.ts';
import { readBody } from '../messages/body.ts';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import type { Endpoint } from './endpoint.ts';

/** Health checks by real completions: an engine may answer for its models and yet compute nothing. */
export interface CompletionCheck {
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly prompt: string;
}

const answerBytesMax = 65_536;

/** Asks an endpoint's first model for one token. Why that failed, if it did; being full is no failure. */
export async function completeOnce(
  endpoint: Endpoint,
  { prompt, timeoutMs }: CompletionCheck,
): Promise<string | undefined> {
  const model = endpoint.models[0]?.id;
  if (model === undefined) return undefined;
  const body = { model, prompt, max_tokens: 1, temperature: 0, stream: false };
  const answer = await answerTo(endpoint.backend, {
    method: 'POST',
    target: '/v1/completions',
    headers: HeaderBlock.of({ 'content-type': 'application/json' }),
    body: Buffer.from(JSON.stringify(body)),
    cancellation: Cancellation.bySignal(AbortSignal.timeout(timeoutMs), 'deadline'),
  });
  if (answer.kind === 'abandoned') return `it completed nothing within ${timeoutMs} ms`;
  if (answer.kind === 'failed') return answer.error.message;
  const { status } = answer.message;
  const read = await readBody(answer.message.body, answerBytesMax);
  if (status === 429 || status === 503) return undefined;
  if (status !== 200) return `a completion was answered with status ${status}`;
  return read.kind === 'whole' ? undefined : 'a completion was not answered whole';
}
