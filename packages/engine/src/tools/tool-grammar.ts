import type { FunctionTool } from '@millrace/openai';
import { EngineError } from '../errors.ts';
import { choice, type Expression, optional, sequence, text } from '../grammar/expression.ts';
import { GrammarBuilder } from '../grammar/grammar-builder.ts';
import { schemaExpression } from '../grammar/json-schema-grammar.ts';
import { type ToolForm, toolForms } from './tool-form.ts';

/** GBNF of one to `callsMax` calls of the tools in a form, with arguments that their schemas allow. */
export function toolGrammar(
  tools: readonly FunctionTool[],
  { form, callsMax }: { readonly form: ToolForm; readonly callsMax: number },
): string {
  const { marker, closer, listOpener, listCloser, argumentsKey } = toolForms[form];
  const builder = new GrammarBuilder();
  const root = builder.reserve('root');
  const objects = tools.map(({ name, parameters }) =>
    sequence(
      text(`{"name": ${JSON.stringify(name)}, "${argumentsKey}": `),
      argumentsExpression(builder, name, parameters),
      text('}'),
    ),
  );
  const call = builder.add('call', choice(...objects));
  const several = (separator: string, item: Expression): Expression =>
    sequence(item, builder.repeat(sequence(text(separator), item), { min: 0, max: callsMax - 1 }));
  if (form === 'mistral') {
    builder.define(
      root,
      sequence(
        text(marker),
        optional(text(' ')),
        text(listOpener),
        several(', ', call),
        text(listCloser),
      ),
    );
  } else if (form === 'llama') {
    // Templates of this form refuse to render an answer with more than one call.
    builder.define(root, call);
  } else {
    const tagged = sequence(text(`${marker}\n`), call, text(`\n${closer}`));
    builder.define(root, several('\n', tagged));
  }
  return builder.write();
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
