import { promptFields } from './prompt-ranges.ts';
import type { ByteRange, ScannedBody } from './scanned-body.ts';

/**
 * What a request says of itself that routing and admission need. A field that is absent or of another kind than it
 * should be is undefined, false or 1: it is left to the engine to refuse it.
 */
export interface RoutingFields {
  readonly model: string | undefined;
  readonly isStream: boolean;
  readonly includesUsage: boolean;
  readonly outputTokensMax: number | undefined;
  readonly choiceCount: number;
  readonly user: string | undefined;
  /** `session_id`, else `prompt_cache_key`: requests with one key are better off at one endpoint. */
  readonly sessionKey: string | undefined;
  readonly priority: number | undefined;
  readonly hasTools: boolean;
  /** The prompt as it stands in the body: tools, instructions, system, messages, prompt and input. */
  readonly promptBytes: number;
}

/** Reads what routing and admission need from a scanned body. */
export function routingFields(body: ScannedBody): RoutingFields {
  return {
    model: body.textOf('model'),
    isStream: body.isTrue('stream'),
    includesUsage: body.includesUsage,
    outputTokensMax:
      body.numberOf('max_completion_tokens') ??
      body.numberOf('max_tokens') ??
      body.numberOf('max_output_tokens'),
    choiceCount: body.numberOf('n') ?? 1,
    user: body.textOf('user'),
    sessionKey: body.textOf('session_id') ?? body.textOf('prompt_cache_key'),
    priority: body.numberOf('priority'),
    hasTools: body.hasTools,
    promptBytes: promptFields.reduce((sum, field) => sum + bytesOf(body.rangeOf(field)), 0),
  };
}

function bytesOf(range: ByteRange | undefined): number {
  return range === undefined ? 0 : range.end - range.start;
}
