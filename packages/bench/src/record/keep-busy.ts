import { busyBody } from './questions.ts';

/** A generation that runs until it is ended. */
export interface BusyEngine {
  readonly end: () => Promise<void>;
}

/** Streams that have begun say that the engine is at work. */
const pieces = 4;

/** Lets an engine generate, and resolves once it does. */
export async function keepBusy(url: string): Promise<BusyEngine> {
  const leaving = new AbortController();
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(busyBody),
    signal: leaving.signal,
  });
  const reader = response.body?.getReader();
  for (let count = 0; count < pieces; count++) await reader?.read();
  return {
    end: async () => {
      leaving.abort();
      await reader?.closed.catch(() => undefined);
    },
  };
}
