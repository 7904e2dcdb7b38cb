import { seededPrng } from '@millrace/stdx';
import { prepareTools, type ToolPlan } from '../tools/prepare-tools.ts';
import { ToolCallParser } from '../tools/tool-call-parser.ts';
import type { ToolForm } from '../tools/tool-form.ts';

/** What a parser made of an answer, its fragments joined. */
export interface ParsedAnswer {
  content: string;
  calls: { name: string; arguments: string; isEnded: boolean }[];
}

/** The plan of a request with the tools `weather` and `time`, in a form. */
export function planOf(form: ToolForm): ToolPlan {
  const tools = ['weather', 'time'].map((name) => ({ name, parameters: {}, isStrict: false }));
  const plan = prepareTools({
    tools,
    toolChoice: { kind: 'auto' },
    parallel: true,
    template: undefined,
  });
  return { ...plan, form };
}

/** Parses an answer that comes in pieces. */
export function summaryOf(plan: ToolPlan, pieces: readonly string[]): ParsedAnswer {
  const parser = new ToolCallParser(plan, seededPrng(7));
  const answer: ParsedAnswer = { content: '', calls: [] };
  for (const event of [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()]) {
    const call = event.kind === 'content' ? undefined : answer.calls[event.index];
    if (event.kind === 'content') answer.content += event.text;
    else if (event.kind === 'call-start')
      answer.calls.push({ name: event.name, arguments: '', isEnded: false });
    else if (call === undefined || call.isEnded) throw new Error(`${event.kind} without a call`);
    else if (event.kind === 'call-end') call.isEnded = true;
    else call.arguments += event.fragment;
  }
  return answer;
}
