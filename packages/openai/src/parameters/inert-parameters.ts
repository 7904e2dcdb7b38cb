import { accepted, type InertParameter, refusedUnless } from './parameter-table.ts';

/** OpenAI's parameters that identify a request or its client and change no answer. */
export const identifyingParameters: Readonly<Record<string, InertParameter>> = {
  user: accepted('names an end user; it changes no answer'),
  metadata: accepted('labels of the client; nothing is stored'),
  safety_identifier: accepted('names an end user; it changes no answer'),
  prompt_cache_key: accepted('prefixes are found by their tokens'),
  prompt_cache_retention: accepted('prefixes stay while memory lasts'),
  store: refusedUnless([false], 'nothing is stored'),
  service_tier: refusedUnless(['auto', 'default'], 'there is one tier; see priority'),
};
