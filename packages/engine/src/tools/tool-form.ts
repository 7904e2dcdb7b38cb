/** How a model writes calls: `hermes` in `<tool_call>` tags, `llama` as bare JSON, `mistral` as a list after a marker. */
export type ToolForm = 'hermes' | 'llama' | 'mistral';

/** What a form is made of. */
export interface ToolFormSyntax {
  /** Begins a call anywhere in the text. */
  readonly marker: string;
  /** Ends a call; '' when nothing does. */
  readonly closer: string;
  /** What the calls of one marker stand in; '' when each call has its own marker. */
  readonly listOpener: '' | '[';
  readonly listCloser: '' | ']';
  readonly argumentsKey: 'arguments' | 'parameters';
}

export const toolForms: Readonly<Record<ToolForm, ToolFormSyntax>> = {
  hermes: {
    marker: '<tool_call>',
    closer: '</tool_call>',
    listOpener: '',
    listCloser: '',
    argumentsKey: 'arguments',
  },
  llama: {
    marker: '<|python_tag|>',
    closer: '',
    listOpener: '',
    listCloser: '',
    argumentsKey: 'parameters',
  },
  mistral: {
    marker: '[TOOL_CALLS]',
    closer: '',
    listOpener: '[',
    listCloser: ']',
    argumentsKey: 'arguments',
  },
};

/** What a chat template can do about tools. */
export interface TemplateTools {
  readonly form: ToolForm;
  /** The template describes the tools to the model by itself. */
  readonly describesTools: boolean;
  /** The template renders calls in the history, and their results. */
  readonly rendersCalls: boolean;
  /** The template takes system messages. */
  readonly takesSystem: boolean;
}

/** Reads a template's text for what it does about tools. Without a form that is known, Hermes is asked for. */
export function templateToolsOf(template: string | undefined): TemplateTools {
  const code = template ?? '';
  const form = formOf(code);
  const describesTools = form !== undefined && /\{[{%][^}]*\btools\b/.test(code);
  const rendersCalls =
    describesTools && /\btool_calls\b/.test(code) && /['"](tool|ipython)['"]/.test(code);
  const takesSystem = !/raise_exception\(\s*['"]System role not supported/.test(code);
  return { form: describesTools ? form : 'hermes', describesTools, rendersCalls, takesSystem };
}

function formOf(template: string): ToolForm | undefined {
  if (template.includes('[TOOL_CALLS]') && !template.includes('[ARGS]')) return 'mistral';
  // Several families put their own notation into the same tags; JSON has its key for the arguments.
  if (template.includes('<tool_call>') && /["']arguments["']/.test(template)) return 'hermes';
  const isLlama = template.includes('ipython') && /"parameters"|python_tag/.test(template);
  return isLlama && !template.includes('<function=') ? 'llama' : undefined;
}
