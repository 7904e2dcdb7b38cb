import type { FunctionTool, ToolChoice } from '@millrace/openai';
import { assert } from '@millrace/stdx';
import { toolGrammar } from './tool-grammar.ts';
import { templateToolsOf, type ToolForm } from './tool-form.ts';
import { describeTools, type TemplateTool } from './tool-section.ts';

/** What a request says about tools, and the chat template that it will be rendered by. */
export interface ToolRequest {
  readonly tools: readonly FunctionTool[];
  readonly toolChoice: ToolChoice;
  /** Whether one answer may hold several calls. */
  readonly parallel: boolean;
  readonly template: string | undefined;
}

/** How the tools of one request are told to the model, asked for and read. */
export interface ToolPlan {
  readonly form: ToolForm;
  /** Names that a call may have; none when the model is not to call. */
  readonly names: ReadonlySet<string>;
  readonly callsMax: number;
  /** For the template's variable `tools`. */
  readonly templateTools: readonly TemplateTool[] | undefined;
  /** For the system message, where the template does not describe tools. */
  readonly systemText: string | undefined;
  /** True when the template renders calls and their results; else they are written into texts. */
  readonly rendersCalls: boolean;
  /** False when system messages are to be put before the user's first words. */
  readonly takesSystem: boolean;
  /** GBNF of the answer, where a call is required or a tool is strict. */
  readonly grammar: string | undefined;
  /** True when JSON at the start of an answer may be a call without its marker. */
  readonly takesBareCalls: boolean;
}

/** Calls in one answer, at most. */
export const parallelCallsMax = 16;

/** Plans the tools of a request. Throws `ENGINE_SCHEMA_UNSUPPORTED` where a required call's parameters have no grammar. */
export function prepareTools(request: ToolRequest): ToolPlan {
  const { toolChoice, parallel } = request;
  const template = templateToolsOf(request.template);
  const tools = toolsInPlay(request);
  const isRequired =
    tools.length > 0 && (toolChoice.kind === 'required' || toolChoice.kind === 'function');
  const isBound = isRequired || tools.some((tool) => tool.isStrict);
  const callsMax = parallel && toolChoice.kind !== 'function' ? parallelCallsMax : 1;
  const described = tools.map(templateTool);
  const isTold = tools.length > 0;
  return {
    form: template.form,
    names: new Set(tools.map((tool) => tool.name)),
    callsMax,
    templateTools: isTold && template.describesTools ? described : undefined,
    systemText:
      isTold && !template.describesTools
        ? describeTools(described, { isRequired, callsMax })
        : undefined,
    rendersCalls: template.rendersCalls,
    takesSystem: template.takesSystem,
    grammar: isBound
      ? toolGrammar(tools, { form: template.form, callsMax, isRequired })
      : undefined,
    takesBareCalls: !isBound || template.form !== 'hermes',
  };
}

function toolsInPlay({ tools, toolChoice }: ToolRequest): readonly FunctionTool[] {
  if (toolChoice.kind === 'none') return [];
  if (toolChoice.kind !== 'function') return tools;
  const named = tools.filter((tool) => tool.name === toolChoice.name);
  assert(
    named.length === 1,
    `the tool "${toolChoice.name}" that the choice names is among the tools`,
  );
  return named;
}

function templateTool({ name, description, parameters }: FunctionTool): TemplateTool {
  return {
    type: 'function',
    function: { name, ...(description === undefined ? {} : { description }), parameters },
  };
}
