import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import { createEngine, type EngineServer, serveEngine } from '@millrace/engine';
import { FakeEngine, pausingPiece } from '@millrace/engine/testing';
import { requireTestModel } from '@millrace/llama/testing';
import { testOpenAiClient } from '../testing/openai-client-contract.ts';
import { ProductUnderTest } from '../testing/product-under-test.ts';
import type { ServerUnderTest } from '../testing/server-under-test.ts';

const anyPort = { host: '127.0.0.1', port: 0 } as const;

function urlOf({ address }: EngineServer): string {
  assert.ok('port' in address);
  return `http://${address.host}:${address.port}`;
}

describe('the openai client with a server of a fake engine', () => {
  testOpenAiClient(async (t) => {
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
    const server = await serveEngine({ engine, listen: anyPort });
    t.after(() => server[Symbol.asyncDispose]());
    return { url: urlOf(server) };
  });
});

describe('the openai client with a server of the engine', () => {
  const stack = new AsyncDisposableStack();
  let opened: Promise<ServerUnderTest> | undefined;
  const open = async (modelPath: string): Promise<ServerUnderTest> => {
    const engine = stack.use(await createEngine({ modelPath, contextTokensMax: 2048 }));
    const server = stack.use(await serveEngine({ engine, listen: anyPort }));
    return { url: urlOf(server) };
  };
  after(() => stack.disposeAsync());
  testOpenAiClient(async (t) => {
    const modelPath = requireTestModel(t);
    return modelPath === undefined ? undefined : (opened ??= open(modelPath));
  });
});

describe('the openai client with the whole product', () => {
  const product = new ProductUnderTest();
  after(() => product[Symbol.asyncDispose]());
  testOpenAiClient(async (t) => {
    const modelPath = requireTestModel(t);
    return modelPath === undefined ? undefined : product.open(modelPath);
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
