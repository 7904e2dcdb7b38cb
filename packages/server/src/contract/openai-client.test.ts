import assert from 'node:assert/strict';
import { describe, type TestContext } from 'node:test';
import { createEngine, serveEngine, type ServedEngine } from '@millrace/engine';
import { FakeEngine, pausingPiece } from '@millrace/engine/testing';
import { requireTestModel } from '@millrace/llama/testing';
import { type ServerUnderTest, testOpenAiClient } from '../testing/openai-client-contract.ts';

async function serve(t: TestContext, engine: ServedEngine): Promise<ServerUnderTest> {
  const server = await serveEngine({ engine, listen: { host: '127.0.0.1', port: 0 } });
  t.after(() => server[Symbol.asyncDispose]());
  assert.ok('port' in server.address);
  return { url: `http://127.0.0.1:${server.address.port}` };
}

describe('the openai client with a server of a fake engine', () => {
  testOpenAiClient(async (t) =>
    serve(
      t,
      new FakeEngine({
        *answer(_, { ignoreEos, sampling }) {
          if (ignoreEos) yield* ['It ', 'is ', 'a ', 'wide ', 'river ', pausingPiece];
          const gbnf = sampling.grammar?.gbnf ?? '';
          if (gbnf.includes('get_weather')) {
            yield '<tool_call>\n{"name": "get_weather", "arguments": ';
            yield '{"city": "Bern"}}\n</tool_call>';
          } else if (gbnf !== '') yield '{"city": "Bern"}';
          else for (const word of ['It ', 'is ', 'wide.']) yield word;
        },
      }),
    ),
  );
});

describe('the openai client with a server of the engine', () => {
  testOpenAiClient(async (t) => {
    const modelPath = requireTestModel(t);
    if (modelPath === undefined) return undefined;
    const engine = await createEngine({ modelPath, contextTokensMax: 2048 });
    const server = await serve(t, engine);
    t.after(() => engine[Symbol.asyncDispose]());
    return server;
  });
});

describe('the openai client with a server elsewhere', () => {
  testOpenAiClient(async (t) => {
    const url = process.env['MILLRACE_TEST_URL'];
    if (url !== undefined && url !== '') return { url };
    t.skip('needs a server: set MILLRACE_TEST_URL to its address, without /v1');
    return undefined;
  });
});
