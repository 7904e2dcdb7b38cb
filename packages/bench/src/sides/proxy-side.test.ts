import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileRig } from '../rig/compile-rig.ts';
import { microsecondsEach, readProcessCost } from '../rig/process-cost.ts';
import { runClient, startUpstream } from '../rig/rig-process.ts';
import { millraceConfig, millraceProxySide, twoLanesSide } from './millrace-proxy-side.ts';
import { startTlsTerminator } from './tls-terminator.ts';
import { envoyConfig } from './wheel-sides.ts';
import { directSide, haproxyConfig, haproxySide, nginxConfig, nginxSide } from './proxy-side.ts';

const place = {
  port: 8001,
  upstreamPort: 9001,
  folder: '/somewhere',
  clients: 10,
  otherPort: 8002,
  tlsCertFile: undefined,
};

test('every proxy listens, forwards, keeps connections and replaces the key', () => {
  for (const config of [nginxConfig(place), haproxyConfig(place)]) {
    assert.match(config, /127\.0\.0\.1:8001/u);
    assert.match(config, /127\.0\.0\.1:9001/u);
    assert.match(config, /Authorization "Bearer upstream-key"/u);
  }
});

test('Envoy is told the same', () => {
  const config = envoyConfig(place);
  for (const part of ['"port_value":8001', '"port_value":9001', 'Bearer upstream-key'])
    assert.ok(config.includes(part), part);
});

test('before an upstream that speaks TLS every proxy does', () => {
  const at = { ...place, tlsCertFile: '/somewhere/cert.pem' };
  assert.match(nginxConfig(at), /proxy_pass https:[^}]*proxy_ssl_protocols TLSv1\.3;/u);
  assert.match(haproxyConfig(at), /ssl verify none/u);
  assert.match(envoyConfig(at), /UpstreamTlsContext.*TLSv1_3/u);
  assert.match(millraceConfig(at, 1), /"url":"https:\/\/localhost:9001"/u);
});

test('many clients are let in', () => {
  assert.match(millraceConfig({ ...place, clients: 10_000 }, 1), /"connections":10064/u);
  assert.match(haproxyConfig({ ...place, clients: 10_000 }), /maxconn 10064/u);
});

test('nginx has connections for each client and its upstream, and few more', () => {
  assert.match(nginxConfig(place), /worker_connections 84;/u);
});

test('Millrace asks for the key of the client, of which its file has the hash only', () => {
  const config = millraceConfig(place, 1);
  assert.match(config, /127\.0\.0\.1:9001/u);
  assert.match(config, /"keys":\["sha256:[0-9a-f]{64}"\]/u);
  assert.doesNotMatch(config, /client-key|upstream-key/u);
});

for (const side of [nginxSide, haproxySide, millraceProxySide])
  test(`${side.name} takes answers from an upstream that speaks TLS`, async (t) => {
    const rig = compileRig();
    if ('unavailable' in rig) return t.skip(rig.unavailable);
    await using upstream = await startUpstream(rig.upstream);
    const terminator = await startTlsTerminator(upstream.port);
    if ('unavailable' in terminator) return t.skip(terminator.unavailable);
    await using tls = terminator;
    const started = await side.start(tls.port, { tlsCertFile: tls.certFile });
    if ('unavailable' in started) {
      if (started.unavailable.includes('is not installed')) return t.skip(started.unavailable);
      return assert.fail(started.unavailable);
    }
    await using running = started;
    const { requests, errors } = await runClient(rig.client, {
      ...{ port: new URL(running.url).port, 'warm-ms': 20, 'duration-ms': 150 },
      ...{ connections: 4, 'expect-bytes': 1024 },
    });
    assert.ok(requests > 0);
    assert.deepEqual(
      Object.values(errors).filter((count) => count > 0),
      [],
    );
    return undefined;
  });

for (const side of [directSide, nginxSide, haproxySide, millraceProxySide, twoLanesSide])
  test(`${side.name} takes answers and streams through whole`, async (t) => {
    const rig = compileRig();
    if ('unavailable' in rig) return t.skip(rig.unavailable);
    await using upstream = await startUpstream(rig.upstream, { events: 8, 'gap-us': 500 });
    const started = await side.start(upstream.port);
    if ('unavailable' in started) return t.skip(started.unavailable);
    await using running = started;
    const to = { port: new URL(running.url).port, 'warm-ms': 20, 'duration-ms': 150 };
    const ids = running.processId > 0 ? [running.processId] : [];
    const before = readProcessCost(ids);
    const unary = await runClient(rig.client, { ...to, 'expect-bytes': 1024 });
    const eachUs = microsecondsEach(before, readProcessCost(ids), unary.requests);
    assert.ok(ids.length === 0 ? eachUs === 0 : eachUs > 0.5, `${eachUs} us a request`);
    const streamed = await runClient(rig.client, { ...to, stream: 1, 'expect-events': 8 });
    for (const { requests, errors } of [unary, streamed]) {
      assert.ok(requests > 0);
      assert.equal(
        Object.values(errors).reduce((sum, count) => sum + count),
        0,
      );
    }
    return undefined;
  });
