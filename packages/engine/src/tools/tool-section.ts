import { toolForms } from './tool-form.ts';

/** A tool in OpenAI's form, which templates read. */
export interface TemplateTool {
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    readonly description?: string;
    readonly parameters: Readonly<Record<string, unknown>>;
  };
}

/** Tells a model about tools in words, for templates that do not. */
export function describeTools(
  tools: readonly TemplateTool[],
  wish: { readonly isRequired: boolean; readonly callsMax: number },
): string {
  const { marker, closer } = toolForms.hermes;
  const count =
    wish.callsMax === 1
      ? 'Call at most one function.'
      : 'Several calls follow one another, each in its own tags.';
  return [
    '# Tools',
    '',
    'These functions can be called, one JSON description a line:',
    '<tools>',
    ...tools.map((tool) => JSON.stringify(tool)),
    '</tools>',
    '',
    `To call a function, write its name and arguments as JSON between ${marker} and ${closer}:`,
    marker,
    '{"name": "<function name>", "arguments": {"<argument name>": <value>}}',
    closer,
    `${count} Results come back between <tool_response> and </tool_response>.`,
    ...(wish.isRequired ? ['This time, answer with a call.'] : []),
  ].join('\n');
}
