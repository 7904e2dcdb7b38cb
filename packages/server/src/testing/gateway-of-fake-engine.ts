import { serveEngine } from '@millrace/engine';
import { FakeEngine, pausingPiece } from '@millrace/engine/testing';
import { ApiBackend, HttpBackend, startGateway } from '@millrace/gateway';
import { systemClock } from '@millrace/stdx';
import { Registry } from '@millrace/telemetry';
import type { ServerUnderTest } from './server-under-test.ts';

const anyPort = { host: '127.0.0.1', port: 0 } as const;

/** A gateway before a fake engine that calls the tool, or writes the JSON, that it is bound to. */
export async function openGatewayOfFakeEngine(): Promise<
  ServerUnderTest & AsyncDisposable & { readonly engine: FakeEngine }
> {
  await using stack = new AsyncDisposableStack();
  const engine = new FakeEngine({
    *answer(_, { ignoreEos, sampling }) {
      if (ignoreEos) yield* ['It ', 'is ', 'a ', 'wide ', 'river ', pausingPiece];
      const gbnf = sampling.grammar?.gbnf ?? '';
      if (gbnf.includes('get_weather')) {
        yield '<tool_call>\n{"name": "get_weather", "arguments": ';
        yield '{"city": "Bern"}}\n</tool_call>';
      } else if (gbnf !== '') yield '{"city": "Bern"}';
      else for (const word of ['It ', 'is ', 'wide.']) yield word;
    },
  });
  const { address } = stack.use(await serveEngine({ engine, listen: anyPort }));
  if (!('port' in address)) throw new Error('the engine listens on a port');
  const backend = stack.use(
    new HttpBackend({
      address: () => ({ kind: 'tcp', ...address }),
      unavailable: () => undefined,
      connectionsMax: 16,
      firstByteMsMax: 10_000,
      clock: systemClock,
    }),
  );
  let idCount = 0;
  const gateway = stack.use(
    await startGateway({
      backend: new ApiBackend(backend, { nativeApis: [], answerBytesMax: 2 ** 20 }),
      clock: systemClock,
      registry: new Registry(),
      createRequestId: () => `req_${idCount++}`,
      listen: anyPort,
    }),
  );
  if (!('port' in gateway.place)) throw new Error('the gateway listens on a port');
  const { port } = gateway.place;
  const opened = stack.move();
  return {
    url: `http://127.0.0.1:${port}`,
    engine,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
