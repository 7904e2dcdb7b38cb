import { type Agent, request as openRequest } from 'node:http';

/** One request as a client measures it; times in milliseconds. */
export interface MeasuredRequest {
  readonly outcome: 'answered' | 'refused' | 'failed';
  readonly reason: string;
  readonly ttftMs: number;
  readonly totalMs: number;
  /** Longest pause between two pieces of text. */
  readonly worstGapMs: number;
  readonly outputTokens: number;
  readonly cachedTokens: number;
}

/** What is asked. */
export interface LoadRequest {
  readonly prompt: string;
  readonly outputTokens: number;
}

/** Where it is asked. */
export interface LoadTarget {
  readonly url: string;
  readonly modelId: string;
  readonly agent: Agent;
}

/** A request that takes longer counts as failed. */
const requestMsMax = 300_000;

interface Chunk {
  readonly choices?: readonly { readonly text?: string }[];
  readonly usage?: {
    readonly completion_tokens?: number;
    readonly prompt_tokens_details?: { readonly cached_tokens?: number } | null;
  } | null;
}

/**
 * Sends one streamed completion and measures it. Never throws: a failure is a measurement. A kept connection that the
 * server has closed in the same instant is told by a reset before any answer: the request was never taken, and is sent
 * once more on a connection of its own, its time counted from the first try.
 */
export async function measure(target: LoadTarget, load: LoadRequest): Promise<MeasuredRequest> {
  const startedAtMs = performance.now();
  const first = await measureOnce(target, load, startedAtMs);
  if (first !== 'stale') return first;
  const again = await measureOnce({ ...target, agent: false }, load, startedAtMs);
  return again === 'stale' ? new Meter(startedAtMs).finish('failed', 'reset twice') : again;
}

function measureOnce(
  target: Omit<LoadTarget, 'agent'> & { readonly agent: Agent | false },
  load: LoadRequest,
  startedAtMs: number,
): Promise<MeasuredRequest | 'stale'> {
  const body = bodyOf(target.modelId, load);
  return new Promise((resolve) => {
    const meter = new Meter(startedAtMs);
    const fail = (reason: string): void => resolve(meter.finish('failed', reason));
    const url = new URL('/v1/completions', target.url);
    let isAnswered = false;
    const outgoing = openRequest(url, {
      method: 'POST',
      agent: target.agent,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      timeout: requestMsMax,
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`nothing for ${requestMsMax} ms`)));
    outgoing.on('error', (error) => {
      if (!isAnswered && outgoing.reusedSocket && isReset(error)) resolve('stale');
      else fail(error.message);
    });
    outgoing.on('response', (message) => {
      isAnswered = true;
      let rest = '';
      message.setEncoding('utf8');
      message.on('data', (piece: string) => {
        const events = (rest + piece).split('\n\n');
        rest = events.pop() ?? '';
        for (const event of events) meter.take(event);
      });
      message.on('error', (error) => fail(error.message));
      message.on('end', () => {
        if (message.statusCode === 200) resolve(meter.finish('answered', ''));
        else
          resolve(meter.finish('refused', `status ${message.statusCode}: ${rest.slice(0, 200)}`));
      });
    });
    outgoing.end(body);
  });
}

function bodyOf(modelId: string, load: LoadRequest): string {
  return JSON.stringify({
    model: modelId,
    prompt: load.prompt,
    max_tokens: load.outputTokens,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
    ignore_eos: true,
  });
}

function isReset(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE';
}

class Meter {
  readonly #startedAtMs: number;
  #firstAtMs = 0;
  #lastAtMs = 0;
  #worstGapMs = 0;
  #pieces = 0;
  #outputTokens = 0;
  #cachedTokens = 0;

  constructor(startedAtMs: number) {
    this.#startedAtMs = startedAtMs;
  }

  take(event: string): void {
    const data = event.replace(/^data: /, '');
    if (data === '[DONE]' || !data.startsWith('{')) return;
    const chunk = JSON.parse(data) as Chunk;
    const { usage } = chunk;
    if (usage?.completion_tokens !== undefined) this.#outputTokens = usage.completion_tokens;
    this.#cachedTokens = usage?.prompt_tokens_details?.cached_tokens ?? this.#cachedTokens;
    if (textOf(chunk) !== '') this.#noteText();
  }

  #noteText(): void {
    const nowMs = performance.now();
    if (this.#firstAtMs === 0) this.#firstAtMs = nowMs;
    else this.#worstGapMs = Math.max(this.#worstGapMs, nowMs - this.#lastAtMs);
    this.#lastAtMs = nowMs;
    this.#pieces++;
  }

  finish(outcome: MeasuredRequest['outcome'], reason: string): MeasuredRequest {
    const endMs = performance.now();
    return {
      outcome,
      reason,
      ttftMs: (this.#firstAtMs === 0 ? endMs : this.#firstAtMs) - this.#startedAtMs,
      totalMs: endMs - this.#startedAtMs,
      worstGapMs: this.#worstGapMs,
      outputTokens: this.#outputTokens === 0 ? this.#pieces : this.#outputTokens,
      cachedTokens: this.#cachedTokens,
    };
  }
}

function textOf(chunk: Chunk): string {
  return chunk.choices?.[0]?.text ?? '';
}
