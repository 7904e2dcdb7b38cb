import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { requireKernel } from '@millrace/bpf/testing';
import { Assembly } from '../assembly/assembly.ts';
import { decodeSocketEvent } from '../decoders/socket-event.ts';
import { decodeStampEvent } from '../decoders/stamp-event.ts';
import { StampLedger } from '../health/stamp-ledger.ts';
import type { RequestRecord } from '../requests/request-record.ts';
import { listen } from '../testing/capture-bytes.ts';
import { openKernelProbe } from './kernel-probe.ts';
import { openStampsProbe } from './stamps-probe.ts';

test('every write of an answer is stamped: queued and sent, in that order', async (t) => {
  if (!requireKernel(t)) return;
  const server = http.createServer(async (request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const content of ['a', 'b', 'c']) {
      response.write(`data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`);
      await sleep(5);
    }
    response.end();
  });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const port = await listen(server);
  using sockets = openKernelProbe('sockets', { ports: [port], tgids: [process.pid] });
  using stamps = openStampsProbe([port], { leftNsMin: 0 });
  assert.deepEqual(
    stamps.programs.filter(({ isAttached }) => !isAttached),
    [],
  );
  const request = http.request({ port, host: '127.0.0.1', method: 'POST', agent: false }).end('{}');
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  await once(response, 'end');
  const ledger = new StampLedger();
  stamps.drain((view, offset, byteLength) => {
    ledger.push(decodeStampEvent(view, offset, byteLength));
  }, Number.POSITIVE_INFINITY);
  const records: RequestRecord[] = [];
  const assembly = new Assembly((record) => records.push(record));
  sockets.drain((view, offset, byteLength) => {
    assembly.push(decodeSocketEvent(view, offset, byteLength));
  }, Number.POSITIVE_INFINITY);
  const [record] = records;
  assert.ok(record !== undefined && record.outputs.length >= 3);
  for (const { endOffset, beginNs } of record.outputs) {
    const stamped = ledger.of(record.cookie, endOffset);
    const times = [beginNs, stamped?.queuedNs ?? 0, stamped?.sentNs ?? 0];
    assert.deepEqual(
      times,
      times.toSorted((one, other) => one - other),
    );
    assert.ok(beginNs > 0);
  }
});
