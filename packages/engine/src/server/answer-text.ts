import type { FinishReason, StopReason, TokenChoice, ToolCall } from '@millrace/openai';
import type { Prng } from '@millrace/stdx';
import type { ToolPlan } from '../tools/prepare-tools.ts';
import { ToolCallParser, type ToolEvent } from '../tools/tool-call-parser.ts';

/** Reads one answer: tells text from calls and why it ended. */
export class AnswerReader {
  readonly #parser: ToolCallParser;

  constructor(plan: ToolPlan, prng: Prng) {
    this.#parser = new ToolCallParser(plan, prng);
  }

  push(text: string): readonly ToolEvent[] {
    return this.#parser.push(text);
  }

  end(): readonly ToolEvent[] {
    return this.#parser.end();
  }

  finishReason(reason: 'stop' | 'length'): FinishReason {
    return reason === 'stop' && this.#parser.callCount > 0 ? 'tool_calls' : reason;
  }
}

/** One answer that is sent as a whole. */
export class WholeAnswer {
  text = '';
  finishReason: FinishReason = 'stop';
  stopReason: StopReason | undefined;
  readonly tokens: TokenChoice[] = [];
  readonly #calls: { id: string; name: string; arguments: string }[] = [];

  get toolCalls(): readonly ToolCall[] {
    return this.#calls;
  }

  take(events: readonly ToolEvent[]): void {
    for (const event of events) {
      if (event.kind === 'content') this.text += event.text;
      else if (event.kind === 'call-start') {
        this.#calls.push({ id: event.id, name: event.name, arguments: '' });
      } else if (event.kind === 'call-arguments') {
        const call = this.#calls[event.index];
        if (call !== undefined) call.arguments += event.fragment;
      }
    }
  }
}
