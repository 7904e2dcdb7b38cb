import { apiError, RefusedError } from '@millrace/openai';
import { gbnfProblem } from '../grammar/gbnf-problem.ts';

/** Throws `RefusedError` for a client's grammar that would hurt libllama. Grammars that do not parse are refused later. */
export function checkClientGrammar(gbnf: string | undefined): void {
  const problem = gbnf === undefined ? undefined : gbnfProblem(gbnf);
  if (problem === undefined) return;
  throw new RefusedError(apiError('invalid_value', `'grammar': ${problem}.`, { param: 'grammar' }));
}
