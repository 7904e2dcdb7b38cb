import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Assembly } from '../assembly/assembly.ts';
import type { RequestRecord } from '../requests/request-record.ts';
import { SocketScript } from '../testing/socket-script.ts';
import { RequestMetrics } from './request-metrics.ts';
import { TimeBuckets } from './time-buckets.ts';

function record(path = '/v1/chat/completions', model = 'm'): RequestRecord {
  const body = JSON.stringify({ model, stream: true, messages: [] });
  const event = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`;
  const answer = [
    event({ choices: [{ delta: { content: 'a' } }] }),
    event({ choices: [{ delta: { content: 'b' } }] }),
    event({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } }),
  ];
  const length = answer.join('').length;
  const script = new SocketScript()
    .receive(`POST ${path} HTTP/1.1\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    .wait(39)
    .send(
      `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: ${length}\r\n\r\n${answer[0]}`,
    )
    .wait(19)
    .send(answer[1] ?? '', answer[2] ?? '');
  const records: RequestRecord[] = [];
  const assembly = new Assembly((one) => records.push(one));
  for (const one of script.events) assembly.push(one);
  return records[0] as RequestRecord;
}

test('requests are counted under the names of the semantic conventions and of vLLM', () => {
  const metrics = new RequestMetrics();
  metrics.observe(record(), { engine: 50e6, net_rto: 11e6 });
  const text = metrics.registry.expose();
  const labels = 'gen_ai_operation_name="chat",gen_ai_request_model="m",server_port="8080"';
  for (const line of [
    `gen_ai_server_time_to_first_token_seconds_bucket{${labels},le="0.04"} 1`,
    `gen_ai_server_time_to_first_token_seconds_sum{${labels}} 0.04`,
    `gen_ai_server_time_per_output_token_seconds_count{${labels}} 1`,
    `gen_ai_server_request_duration_seconds_sum{${labels},error_type=""} 0.061`,
    'vllm:inter_token_latency_seconds_sum{model_name="m"} 0.02',
    `millrace_trace_tokens_total{${labels},gen_ai_token_type="output"} 3`,
    `millrace_trace_cause_seconds_total{${labels},cause="net_rto"} 0.011`,
    `millrace_trace_requests_total{${labels},status="200",ending="answered",complete="true"} 1`,
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line} is missing`);
  }
});

test('a request that is told twice counts once', () => {
  const metrics = new RequestMetrics();
  metrics.observe(record(), {});
  metrics.observe(record(), {});
  assert.match(metrics.registry.expose(), /millrace_trace_requests_total\{[^}]*\} 1\n/);
});

test('without reported tokens there is no time per token', () => {
  const metrics = new RequestMetrics();
  metrics.observe({ ...record(), usage: {} }, {});
  assert.ok(
    !metrics.registry.expose().includes('gen_ai_server_time_per_output_token_seconds_count'),
  );
});

test('a request that failed or was not seen whole has no time to first token', () => {
  const metrics = new RequestMetrics();
  metrics.observe({ ...record(), startNs: 1, status: 500 }, {});
  metrics.observe({ ...record(), startNs: 2, incomplete: ['events-lost'] }, {});
  const text = metrics.registry.expose();
  assert.ok(!text.includes('gen_ai_server_time_to_first_token_seconds_count'));
  assert.match(text, /gen_ai_server_request_duration_seconds_count\{[^}]*error_type="500"\} 1/);
});

test('label sets beyond the bound share one series', () => {
  const metrics = new RequestMetrics({ labelSetsMax: 2 });
  for (let at = 0; at < 5; at++) metrics.observe({ ...record(), startNs: at, model: `m${at}` }, {});
  const series = metrics.registry.expose().match(/^vllm:e2e_request_latency_seconds_count\{.*$/gm);
  assert.deepEqual(series?.length, 3);
});

test('buckets that do not ascend are refused', () => {
  assert.throws(() => new RequestMetrics({ buckets: { gap: [2, 1] } }), {
    message: 'buckets of gap: 2, 1 are not 1 to 64 ascending numbers above 0',
  });
});

test('the account of probes is exposed', () => {
  const losses = { sockets: { attempted: 5, delivered: 3, dropped: 1, discarded: 1 } };
  const text = new RequestMetrics({ losses: () => losses }).registry.expose();
  assert.ok(text.includes('millrace_trace_events_total{probe="sockets",outcome="dropped"} 1\n'));
});

test('buckets of time hold what was added, in any order, or count it as late', () => {
  const value = fc.record({
    timeNs: fc.nat(2000),
    labels: fc.constantFrom('a', 'b', 'c'),
    value: fc.integer(),
  });
  fc.assert(
    fc.property(fc.array(value), (values) => {
      const buckets = new TimeBuckets({ bucketNs: 100, bucketsMax: 4, labelSetsMax: 2 });
      for (const { timeNs, labels, value: one } of values) buckets.add(timeNs, labels, one);
      const kept = buckets.buckets();
      assert.ok(kept.length <= 4);
      assert.ok(kept.every(({ series }) => series.size <= 3));
      const newest = Math.max(...values.map(({ timeNs }) => Math.floor(timeNs / 100)));
      const inKept = values.filter(({ timeNs }) => Math.floor(timeNs / 100) > newest - 4);
      const counted = kept
        .flatMap(({ series }) => [...series.values()])
        .reduce((sum, { count }) => sum + count, 0);
      assert.ok(counted >= inKept.length - buckets.late && counted <= values.length);
    }),
  );
});
