import type { FunctionTool } from '@millrace/openai';
import { EngineError } from '../errors.ts';
import { choice, type Expression, optional, sequence, text } from '../grammar/expression.ts';
import { GrammarBuilder } from '../grammar/grammar-builder.ts';
import { schemaExpression } from '../grammar/json-schema-grammar.ts';
import { textBefore } from './text-before.ts';
import { type ToolForm, toolForms } from './tool-form.ts';

/** What an answer may be made of. */
export interface ToolGrammarWish {
  readonly form: ToolForm;
  readonly callsMax: number;
  /** True: calls and nothing else. False: text, with calls in it or not. */
  readonly isRequired: boolean;
}

/** GBNF of answers that call tools in a form, with arguments that their schemas allow. */
export function toolGrammar(tools: readonly FunctionTool[], wish: ToolGrammarWish): string {
  const { form, callsMax, isRequired } = wish;
  const builder = new GrammarBuilder();
  const root = builder.reserve('root');
  const call = builder.add(
    'call',
    choice(...tools.map((tool) => callExpression(builder, tool, wish))),
  );
  const several = (separator: string, item: Expression): Expression =>
    sequence(item, builder.repeat(sequence(text(separator), item), { min: 0, max: callsMax - 1 }));
  const { marker, closer, listOpener, listCloser } = toolForms[form];
  if (form === 'llama') {
    // Templates of this form refuse to render an answer with more than one call.
    const answer = isRequired
      ? call
      : choice(call, textBefore(builder, { marker, after: call, notFirst: '{' }));
    builder.define(root, answer);
    return builder.write();
  }
  const behindMarker =
    form === 'mistral'
      ? sequence(optional(text(' ')), text(listOpener), several(', ', call), text(listCloser))
      : sequence(text('\n'), call, text(`\n${closer}`));
  const marked = sequence(text(marker), behindMarker);
  const required = form === 'mistral' ? marked : several('\n', marked);
  const behindCalls = optional(sequence(text('\n'), required));
  const after = form === 'mistral' ? behindMarker : sequence(behindMarker, behindCalls);
  builder.define(
    root,
    isRequired
      ? required
      : textBefore(builder, { marker, after, notFirst: form === 'mistral' ? '[{' : '' }),
  );
  return builder.write();
}

function callExpression(
  builder: GrammarBuilder,
  tool: FunctionTool,
  { form, isRequired }: ToolGrammarWish,
): Expression {
  // Where no call is required only a strict tool asks for a bound on its arguments.
  const isBound = isRequired || tool.isStrict;
  return sequence(
    text(`{"name": ${JSON.stringify(tool.name)}, "${toolForms[form].argumentsKey}": `),
    isBound
      ? argumentsExpression(builder, tool.name, tool.parameters)
      : schemaExpression(builder, { type: 'object' }),
    text('}'),
  );
}

function argumentsExpression(
  builder: GrammarBuilder,
  name: string,
  parameters: Readonly<Record<string, unknown>>,
): Expression {
  try {
    return schemaExpression(builder, objectSchema(parameters));
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    throw new EngineError(`parameters of the tool "${name}": ${cause.message}`, {
      code: cause.code,
      cause,
    });
  }
}

/** A function without declared parameters takes none; arguments are an object in any case. */
function objectSchema(
  parameters: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  if (Object.keys(parameters).length === 0) return { type: 'object', properties: {} };
  return parameters['type'] === undefined ? { ...parameters, type: 'object' } : parameters;
}
