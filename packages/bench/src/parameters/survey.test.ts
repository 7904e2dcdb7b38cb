import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import type { Side } from '../sides/side.ts';
import { chatRoute } from './chat-probes.ts';
import { ignoredByMillrace, parameterPage } from './parameter-page.ts';
import type { Verdict } from './probe.ts';
import { joinedSurveys, plainSurvey, type Survey, surveyFrom, surveyParameters } from './survey.ts';

type Body = Readonly<Record<string, unknown>>;

/** A server that can do little: what it does with a chat request, by the request's fields. */
function answerChat(body: Body, response: ServerResponse): void {
  if (body['temprature'] !== undefined) return refuse(response, 'there is no temprature');
  if (body['tools'] !== undefined) return void response.destroy();
  if (body['stream'] === true) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    return void response.end(
      'data: {"choices":[]}\n\ndata: {"choices":[],"usage":{"completion_tokens":3}}\n\ndata: [DONE]\n\n',
    );
  }
  const content = Number(body['temperature']) > 0 ? `drawn by ${String(body['seed'])}` : 'greedy';
  const choice = { message: { content }, finish_reason: 'stop' };
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ choices: [choice], usage: { completion_tokens: 3 } }));
}

function refuse(response: ServerResponse, message: string): void {
  response.writeHead(400, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: { message } }));
}

async function serveFake(t: TestContext): Promise<Side> {
  const server = createServer((request: IncomingMessage, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(pieces).toString()) as Body;
      if (request.url === chatRoute) answerChat(body, response);
      else response.writeHead(404).end('no such route');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const running = {
    url: `http://127.0.0.1:${port}`,
    modelId: 'fake',
    processId: 0,
    [Symbol.asyncDispose]: async () => undefined,
  };
  return { name: 'millrace', start: async () => running };
}

function verdicts(survey: Survey, name: string): readonly (Verdict | undefined)[] {
  return survey.rows
    .filter(({ probe }) => probe.route === chatRoute && probe.name === name)
    .map(({ findings }) => findings.get('millrace')?.verdict);
}

test('tells what a server honours, refuses, ignores, and where it breaks off', async (t) => {
  const missing: Side = { name: 'peer', start: async () => ({ unavailable: 'it is too large' }) };
  const survey = await surveyParameters([await serveFake(t), missing], () => undefined);
  assert.deepEqual(survey.sides, ['millrace']);
  assert.deepEqual(survey.notes, ['peer was left out: it is too large']);
  assert.deepEqual(verdicts(survey, 'seed'), ['honoured']);
  assert.deepEqual(verdicts(survey, 'stream'), ['honoured']);
  assert.deepEqual(verdicts(survey, 'stream_options'), ['honoured', 'ignored']);
  assert.deepEqual(verdicts(survey, 'temprature'), ['refused']);
  assert.deepEqual(verdicts(survey, 'n'), ['ignored']);
  assert.deepEqual(verdicts(survey, 'model'), ['ignored']);
  assert.deepEqual(verdicts(survey, 'user'), ['taken']);
  assert.deepEqual(verdicts(survey, 'tools'), ['failed']);
  const embedding = survey.rows.find(({ probe }) => probe.name === 'encoding_format');
  assert.deepEqual(embedding?.findings.get('millrace'), {
    verdict: 'refused',
    note: '404: no such route',
  });
});

test('the page has a row for each parameter, and what Millrace ignores is told', async (t) => {
  const survey = await surveyParameters([await serveFake(t)], () => undefined);
  const page = parameterPage(survey, 'millrace bench parameters');
  assert.match(page, /^\| `n` \| 2 \| ignored \|$/m);
  assert.match(page, /^\| `temprature` \| 0\.5 \| refused \(400\) \|$/m);
  assert.match(page, /^- `temprature`: there is no temprature$/m);
  assert.ok(ignoredByMillrace(survey).includes(`${chatRoute} n 2`));
});

test('a survey is written and read back, and another side joins it', async (t) => {
  const side = await serveFake(t);
  const first = await surveyParameters([side], () => undefined);
  const written = JSON.stringify(plainSurvey(first));
  const back = surveyFrom(JSON.parse(written) as ReturnType<typeof plainSurvey>);
  assert.deepEqual(plainSurvey(back), plainSurvey(first));
  const second = await surveyParameters([{ ...side, name: 'peer' }], () => undefined);
  const both = joinedSurveys(back, second);
  assert.deepEqual(both.sides, ['millrace', 'peer']);
  assert.match(parameterPage(both, 'c'), /^\| `n` \| 2 \| ignored \| ignored \|$/m);
});
