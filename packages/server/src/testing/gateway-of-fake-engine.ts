import { serveEngine } from '@millrace/engine';
import { FakeEngine, pausingPiece } from '@millrace/engine/testing';
import { ApiBackend } from '@millrace/gateway';
import { type Occasion, openGateway, openHttpBackend } from '@millrace/gateway/testing';
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
  const occasion: Occasion = { after: (end) => stack.defer(end) };
  const backend = openHttpBackend(
    occasion,
    { kind: 'tcp', ...address },
    { firstByteMsMax: 10_000 },
  );
  let idCount = 0;
  const { origin } = await openGateway(
    occasion,
    new ApiBackend(backend, { nativeApis: [], answerBytesMax: 2 ** 20 }),
    { createRequestId: () => `req_${idCount++}` },
  );
  const opened = stack.move();
  return {
    url: origin,
    engine,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
