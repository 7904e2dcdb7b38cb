import { promptFields } from './prompt-ranges.ts';
import type { ByteRange, ScannedBody } from './scanned-body.ts';
import { fieldIndices as at } from './scanned-field.ts';

/**
 * What a request says of itself that routing and admission need, read when it is asked for. A field that is absent or of
 * another kind than it should be is undefined, false or 1: it is left to the engine to refuse it.
 */
export class RoutingFields {
  readonly #body: ScannedBody;

  constructor(body: ScannedBody) {
    this.#body = body;
  }

  get model(): string | undefined {
    return this.#body.textAt(at.model);
  }

  /** Whether there is a model at all, of whatever kind. */
  get namesModel(): boolean {
    return this.#body.startOf(at.model) !== -1;
  }

  get isStream(): boolean {
    return this.#body.isTrueAt(at.stream);
  }

  get includesUsage(): boolean {
    return this.#body.includesUsage;
  }

  get outputTokensMax(): number | undefined {
    const body = this.#body;
    return (
      body.numberAt(at.max_completion_tokens) ??
      body.numberAt(at.max_tokens) ??
      body.numberAt(at.max_output_tokens)
    );
  }

  get choiceCount(): number {
    return this.#body.numberAt(at.n) ?? 1;
  }

  get user(): string | undefined {
    return this.#body.textAt(at.user);
  }

  /** `session_id`, else `prompt_cache_key`: requests with one key are better off at one endpoint. */
  get sessionKey(): string | undefined {
    return this.#body.textAt(at.session_id) ?? this.#body.textAt(at.prompt_cache_key);
  }

  get priority(): number | undefined {
    return this.#body.numberAt(at.priority);
  }

  get hasTools(): boolean {
    return this.#body.hasTools;
  }

  /** The prompt as it stands in the body: tools, instructions, system, messages, prompt and input. */
  get promptBytes(): number {
    return promptFields.reduce((sum, field) => sum + bytesOf(this.#body.rangeOf(field)), 0);
  }
}

function bytesOf(range: ByteRange | undefined): number {
  return range === undefined ? 0 : range.end - range.start;
}
