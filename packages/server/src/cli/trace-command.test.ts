import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { requireKernel } from '@millrace/bpf/testing';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { startLocalServer } from '../testing/local-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { type TraceLine, traceLineJsonSchema, traceLineSchema } from '../trace/trace-schema.ts';
import { runTraceCommand } from './trace-command.ts';

const program = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url));

function fixture(name: string): string {
  return fileURLToPath(new URL(`../../../probes/fixtures/${name}.recording`, import.meta.url));
}

function linesOf(out: string): TraceLine[] {
  return out
    .trim()
    .split('\n')
    .map((line) => traceLineSchema.parse(JSON.parse(line)));
}

async function replayed(name: string): Promise<TraceLine[]> {
  const terminal = new FakeTerminal();
  assert.equal(await runTraceCommand(['--json', '--replay', fixture(name)], terminal), 0);
  return linesOf(terminal.outText);
}

test('the committed JSON Schema is that of the lines', async () => {
  const committed = readFileSync(
    new URL('../../../../docs/trace-request.schema.json', import.meta.url),
    'utf8',
  );
  assert.deepEqual(JSON.parse(committed), JSON.parse(JSON.stringify(traceLineJsonSchema())));
  const terminal = new FakeTerminal();
  await runTraceCommand(['--schema'], terminal);
  assert.deepEqual(JSON.parse(terminal.outText), JSON.parse(committed));
});

test('a recording of a node server over HTTP/1.1 replays to the requests that it saw', async () => {
  const lines = await replayed('node-http1');
  assert.deepEqual(
    lines.map(({ route, model, status, events, content_chunks, complete }) => [
      route,
      model,
      status,
      events,
      content_chunks,
      complete,
    ]),
    [
      ['/v1/chat/completions', 'm', 200, 6, 5, true],
      ['/v1/chat/completions', 'm', 200, 6, 5, true],
    ],
  );
  for (const { gaps, ttft_ms, duration_ms } of lines) {
    assert.ok(ttft_ms !== null && ttft_ms > 50 && ttft_ms < duration_ms);
    for (const { ms, causes } of gaps) {
      const sum = Object.values(causes).reduce((total, part) => total + part, 0);
      assert.ok(Math.abs(sum - ms) < 0.01, `${sum} and ${ms}`);
    }
  }
});

test('a recording of a node server over HTTP/2 replays to its concurrent streams', async () => {
  const lines = await replayed('node-http2');
  assert.deepEqual(
    lines.map(({ protocol, route, stream_id, content_chunks, complete }) => [
      protocol,
      route,
      stream_id,
      content_chunks,
      complete,
    ]),
    [
      ['h2', '/a', 1, 3, true],
      ['h2', '/b', 3, 3, true],
      ['h2', '/c', 5, 3, true],
    ],
  );
  assert.equal(new Set(lines.map(({ connection }) => connection)).size, 1);
});

test('without --json a request is a line for people', async () => {
  const terminal = new FakeTerminal();
  await runTraceCommand(['--replay', fixture('node-http1')], terminal);
  assert.match(
    terminal.outText,
    /POST \/v1\/chat\/completions {2}m {2}200 {2}ttft \d+\.\d ms {2}\d+\.\d ms {2}5 chunks\n/,
  );
});

test('metrics are told instead of requests, for Prometheus or as OTLP', async () => {
  const prometheus = new FakeTerminal();
  await runTraceCommand(['--prometheus', '--replay', fixture('node-http1')], prometheus);
  assert.match(
    prometheus.outText,
    /gen_ai_server_time_to_first_token_seconds_count\{gen_ai_operation_name="chat",gen_ai_request_model="m",server_port="18099"\} 2\n/,
  );
  assert.match(prometheus.outText, /vllm:inter_token_latency_seconds_count\{model_name="m"\} 8\n/);
  const otlp = new FakeTerminal();
  await runTraceCommand(['--otlp', '--replay', fixture('node-http1')], otlp);
  const told = JSON.parse(otlp.outText) as {
    resourceMetrics: {
      scopeMetrics: {
        metrics: { name: string; histogram?: { dataPoints: { count: string }[] } }[];
      }[];
    }[];
  };
  const metrics = told.resourceMetrics[0]?.scopeMetrics[0]?.metrics ?? [];
  const found = metrics.find(({ name }) => name === 'gen_ai.server.time_to_first_token');
  assert.equal(found?.histogram?.dataPoints[0]?.count, '2');
  await assert.rejects(runTraceCommand(['--otlp', '--json'], new FakeTerminal()), {
    message: '--json and --otlp are both given; give one',
  });
});

test('what is no recording is refused, and says why', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'x');
  const terminal = new FakeTerminal();
  await assert.rejects(runTraceCommand(['--replay', path], terminal), {
    code: 'SERVER_SETTING_INVALID',
  });
  await writeFile(path, '{"format":"other"}\n');
  await assert.rejects(runTraceCommand(['--replay', path], terminal), {
    code: 'PROBES_RECORDING_INVALID',
  });
  const whole = readFileSync(fixture('node-http1'));
  whole[whole.indexOf(10) + 5] = 9;
  await writeFile(path, whole);
  await assert.rejects(
    runTraceCommand(['--replay', path], terminal),
    /at byte \d+ there is no record of a known probe/,
  );
});

test('a recording that was cut off gives what is whole of it', async () => {
  await using folder = await temporaryFolder();
  const whole = readFileSync(fixture('node-http1'));
  const path = join(folder.path, 'cut');
  for (const part of [0.3, 0.8]) {
    await writeFile(path, whole.subarray(0, Math.floor(whole.length * part)));
    const terminal = new FakeTerminal();
    assert.equal(await runTraceCommand(['--json', '--replay', path], terminal), 0);
    assert.equal(linesOf(terminal.outText).at(-1)?.complete, false);
  }
});

test('a process that is not there is refused', async () => {
  await assert.rejects(runTraceCommand(['--pid', '2147483000'], new FakeTerminal()), {
    message: '--pid 2147483000: there is no such process',
  });
  await assert.rejects(runTraceCommand(['server'], new FakeTerminal()), {
    code: 'SERVER_SETTING_INVALID',
  });
});

interface Trace extends AsyncDisposable {
  readonly pid: number;
  readonly lines: AsyncIterator<string>;
  readonly err: Promise<string>;
  readonly end: (signal: NodeJS.Signals) => Promise<number | null>;
}

async function startTrace(args: readonly string[]): Promise<Trace> {
  const child = spawn(
    process.execPath,
    ['--conditions=@millrace/source', program, 'trace', ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const watching = Promise.withResolvers<void>();
  let errText = '';
  child.stderr.on('data', (piece: Buffer) => {
    errText += String(piece);
    if (errText.includes('watching')) watching.resolve();
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await Promise.race([watching.promise, ended]);
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null) child.kill(signal);
    return (await ended)[0];
  };
  return {
    pid: child.pid ?? 0,
    lines,
    err: ended.then(() => errText),
    end,
    async [Symbol.asyncDispose]() {
      await end('SIGKILL');
    },
  };
}

test('a live trace tells time to first token as the client has it, and ends on a signal with its account', async (t) => {
  if (!requireKernel(t)) return;
  await using server = await startLocalServer(async (request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    await sleep(60);
    response.write('data: {"model":"m","choices":[{"delta":{"content":"a"}}]}\n\n');
    await sleep(20);
    response.end('data: [DONE]\n\n');
  });
  const { port } = new URL(server.url);
  await using trace = await startTrace(['--json', '--port', port]);
  const startMs = performance.now();
  const request = http.request(`${server.url}/v1/chat/completions`, { method: 'POST' });
  request.end('{"model":"m","messages":[],"stream":true}');
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  await once(response, 'data');
  const ttftMs = performance.now() - startMs;
  response.resume();
  const { value } = await trace.lines.next();
  const line = traceLineSchema.parse(JSON.parse(String(value)));
  assert.equal(line.pid, process.pid);
  assert.equal(line.content_chunks, 1);
  assert.ok(
    line.ttft_ms !== null && line.ttft_ms >= 59 && line.ttft_ms <= ttftMs,
    `${line.ttft_ms} of ${ttftMs}`,
  );
  assert.equal(await trace.end('SIGTERM'), 0);
  assert.match(
    await trace.err,
    /1 requests; .*sockets: (\d+) events attempted = \1 delivered \+ 0 dropped \+ 0 discarded/,
  );
});

test('in the background every thread of a trace yields its processor, and requests are told all the same', async (t) => {
  if (!requireKernel(t)) return;
  await using server = await startLocalServer((request, response) => {
    request.resume();
    response.end('{}');
  });
  await using trace = await startTrace([
    '--json',
    '--port',
    new URL(server.url).port,
    '--background',
  ]);
  const response = await fetch(`${server.url}/v1/models`);
  assert.equal(await response.text(), '{}');
  const { value } = await trace.lines.next();
  assert.equal(traceLineSchema.parse(JSON.parse(String(value))).route, '/v1/models');
  for (const thread of readdirSync(`/proc/${trace.pid}/task`)) {
    // The 41st field is the policy (SCHED_IDLE is 5); the second may hold spaces.
    const stat = readFileSync(`/proc/${trace.pid}/task/${thread}/stat`, 'utf8');
    assert.equal(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38], '5');
  }
});

test('without privileges it says what is lacking', async (t) => {
  if (process.getuid?.() !== 0) {
    t.skip('needs root, to give it up');
    return;
  }
  const script = `process.setgid(65534); process.setuid(65534);
    const { runTraceCommand } = await import(${JSON.stringify(new URL('./trace-command.ts', import.meta.url).href)});
    const terminal = { out() {}, err() {}, isInteractive: false, env: {} };
    await runTraceCommand(['--port', '1'], terminal).catch((error) => console.log(error.code, error.message));`;
  const child = spawn(
    process.execPath,
    ['--conditions=@millrace/source', '--input-type=module', '-e', script],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: fileURLToPath(new URL('.', import.meta.url)),
    },
  );
  assert.match(await text(child.stdout), /SERVER_KERNEL_VIEW_UNAVAILABLE .*CAP_BPF/);
});
