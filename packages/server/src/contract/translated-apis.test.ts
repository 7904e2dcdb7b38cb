import { after, describe } from 'node:test';
import { requireTestModel } from '@millrace/llama/testing';
import { testAnthropicClient } from '../testing/anthropic-client-contract.ts';
import { openGatewayOfFakeEngine } from '../testing/gateway-of-fake-engine.ts';
import { ProductUnderTest } from '../testing/product-under-test.ts';
import { testResponsesClient } from '../testing/responses-client-contract.ts';
import type { OpenServer } from '../testing/server-under-test.ts';

const openFake: OpenServer = async (t) => {
  const opened = await openGatewayOfFakeEngine();
  t.after(() => opened[Symbol.asyncDispose]());
  return opened;
};

const product = new ProductUnderTest();
after(() => product[Symbol.asyncDispose]());

const openProduct: OpenServer = async (t) => {
  const modelPath = requireTestModel(t);
  return modelPath === undefined ? undefined : product.open(modelPath);
};

const openElsewhere: OpenServer = (t) => {
  const url = process.env['MILLRACE_TEST_URL'];
  if (url !== undefined && url !== '') return Promise.resolve({ url });
  t.skip('needs a server: set MILLRACE_TEST_URL to its address, without /v1');
  return Promise.resolve(undefined);
};

for (const [title, open] of [
  ['a gateway before a fake engine', openFake],
  ['the whole product', openProduct],
  ['a server elsewhere', openElsewhere],
] as const) {
  describe(`the client of Anthropic with ${title}`, () => testAnthropicClient(open));
  describe(`the Responses API of the openai client with ${title}`, () => testResponsesClient(open));
}
