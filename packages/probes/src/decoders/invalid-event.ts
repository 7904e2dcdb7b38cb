import { ProbesError } from '../errors.ts';

/** The fault of a record that is none, with what was to be read. */
export function invalidEvent(what: string, reason: string): ProbesError {
  return new ProbesError(`decode ${what}: ${reason}`, { code: 'PROBES_EVENT_INVALID' });
}
