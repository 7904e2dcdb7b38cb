import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { attribute } from './attribute.ts';
import { precedence } from './causes/precedence.ts';
import { sceneOf } from './causes/scene.ts';
import type { Evidence, EvidenceItem, Watch } from './evidence/evidence.ts';
import { resolveAttributionOptions } from './options.ts';
import type { OutputWrite, Timeline } from './timeline/timeline.ts';

const options = { localStackNsMax: 3, ackDelayNsMax: 40, skewNsMax: 2 };
const timeMax = 600;
const time = fc.nat(timeMax);
const span = fc
  .tuple(time, fc.nat(150))
  .map(([startNs, length]) => ({ startNs, endNs: startNs + length }));
const scope = fc.record(
  { connectionId: fc.constantFrom('7', '8'), streamId: fc.constantFrom(1, 3) },
  { requiredKeys: [] },
);

const item: fc.Arbitrary<EvidenceItem> = fc
  .tuple(
    fc.oneof(
      fc.record({ kind: fc.constant('run_queue' as const), threadId: fc.nat(3) }),
      fc.record({
        kind: fc.constantFrom(
          'throttled' as const,
          'write_blocked' as const,
          'sndbuf_limited' as const,
          'rwnd_limited' as const,
          'zero_window' as const,
          'local_queue' as const,
          'h2_deadlock' as const,
          'events_lost' as const,
        ),
      }),
      fc.record({
        kind: fc.constant('h2_window' as const),
        window: fc.constantFrom('stream' as const, 'connection' as const),
      }),
      fc.record({
        kind: fc.constant('peer_gone' as const),
        how: fc.constantFrom('rst' as const, 'fin' as const, 'rst_stream' as const),
      }),
      fc.record({
        kind: fc.constant('retransmit' as const),
        trigger: fc.constantFrom(
          'rto' as const,
          'fast' as const,
          'tlp' as const,
          'spurious' as const,
        ),
        atShare: fc.nat(100),
      }),
    ),
    span,
    scope,
  )
  .map(([what, when, where]): EvidenceItem => {
    if (what.kind === 'peer_gone') return { ...what, ...where, ...when, endNs: when.startNs };
    if (what.kind !== 'retransmit') return { ...what, ...where, ...when };
    const { atShare, ...rest } = what;
    const atNs = when.startNs + Math.floor(((when.endNs - when.startNs) * atShare) / 100);
    return { ...rest, ...where, ...when, atNs };
  });

const write = fc
  .record({
    gap: fc.nat(80),
    call: fc.nat(20),
    chunks: fc.nat(2),
    queued: fc.option(fc.nat(20), { nil: undefined }),
    sent: fc.option(fc.nat(60), { nil: undefined }),
    acked: fc.option(fc.nat(120), { nil: undefined }),
  })
  .map((shape) => shape);

const timeline: fc.Arbitrary<Timeline> = fc
  .record({
    start: fc.nat(100),
    writes: fc.array(write, { maxLength: 10 }),
    rest: fc.nat(200),
    end: fc.constantFrom('finished' as const, 'cut' as const, 'open' as const),
    streamId: fc.option(fc.constantFrom(1, 3), { nil: undefined }),
    missing: fc.array(span, { maxLength: 2 }),
  })
  .map(({ start, writes, rest, end, streamId, missing }) => {
    let atNs = start;
    const outputs = writes.map(({ gap, call, chunks, queued, sent, acked }): OutputWrite => {
      atNs += gap;
      const queuedNs = queued === undefined ? undefined : atNs + queued;
      const sentNs = sent === undefined ? undefined : (queuedNs ?? atNs) + sent;
      const ackedNs = acked === undefined ? undefined : (sentNs ?? queuedNs ?? atNs) + acked;
      return {
        startNs: atNs,
        endNs: atNs + call,
        bytes: 10,
        events: chunks,
        chunks,
        ...(queuedNs === undefined ? {} : { queuedNs }),
        ...(sentNs === undefined ? {} : { sentNs }),
        ...(ackedNs === undefined ? {} : { ackedNs }),
      };
    });
    return {
      connectionId: '7',
      ...(streamId === undefined ? {} : { streamId }),
      startNs: start,
      writes: outputs,
      endNs: atNs + rest,
      end,
      missing,
    };
  });

const evidence: fc.Arbitrary<Evidence> = fc.record({
  watched: fc.subarray<Watch>(['scheduler', 'tcp', 'flow_control']),
  items: fc.array(item, { maxLength: 14 }),
});

test('gaps tile the request, and their causes add up to them exactly with none below zero', () => {
  fc.assert(
    fc.property(timeline, evidence, (request, seen) => {
      const { gaps } = attribute(request, seen, options);
      assert.equal(gaps[0]?.startNs, request.startNs);
      assert.ok((gaps.at(-1)?.endNs ?? 0) >= request.endNs);
      for (const [index, { startNs, endNs, causes }] of gaps.entries()) {
        assert.equal(startNs, gaps[index - 1]?.endNs ?? request.startNs);
        const times = Object.values(causes);
        assert.equal(
          times.reduce((sum, ns) => sum + ns, 0),
          endNs - startNs,
        );
        assert.ok(times.every((ns) => ns > 0 && Number.isSafeInteger(ns)));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('the order in which evidence comes changes nothing', () => {
  const shuffled = evidence.chain((seen) =>
    fc.tuple(
      fc.constant(seen),
      fc.shuffledSubarray([...seen.items], { minLength: seen.items.length }),
    ),
  );
  fc.assert(
    fc.property(timeline, shuffled, (request, [seen, items]) => {
      assert.deepEqual(
        attribute(request, { ...seen, items }, options),
        attribute(request, seen, options),
      );
    }),
    { numRuns: 1_000 },
  );
});

test('a further loss of events only moves time to incomplete', () => {
  fc.assert(
    fc.property(timeline, evidence, span, (request, seen, window) => {
      const before = attribute(request, seen, options).gaps;
      const loss: EvidenceItem = { kind: 'events_lost', ...window };
      const after = attribute(request, { ...seen, items: [...seen.items, loss] }, options).gaps;
      assert.equal(after.length, before.length);
      for (const [index, gap] of after.entries()) {
        const was = before[index];
        assert.deepEqual([gap.startNs, gap.endNs], [was?.startNs, was?.endNs]);
        for (const [cause, ns] of Object.entries(gap.causes)) {
          if (cause === 'incomplete') continue;
          assert.ok(ns <= (was?.causes[cause as 'engine'] ?? 0), cause);
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

test('each moment goes to the first cause that claims it and has room, as asked moment by moment', () => {
  fc.assert(
    fc.property(timeline, evidence, (request, seen) => {
      const { gaps } = attribute(request, seen, options);
      const scene = sceneOf(request, seen, resolveAttributionOptions(options));
      const rules = precedence.map((rule) => ({
        cause: rule.cause,
        claims: rule.claims(scene),
        room: rule.room(scene),
      }));
      const contains = (
        spans: readonly { startNs: number; endNs: number }[],
        at: number,
      ): boolean => spans.some(({ startNs, endNs }) => startNs <= at && at < endNs);
      for (const { startNs, endNs, causes } of gaps) {
        const counted: Record<string, number> = {};
        for (let at = startNs; at < endNs; at++) {
          const first = rules.find((rule) => contains(rule.claims, at) && contains(rule.room, at));
          assert.ok(first !== undefined);
          counted[first.cause] = (counted[first.cause] ?? 0) + 1;
        }
        assert.deepEqual({ ...causes }, counted);
      }
    }),
    { numRuns: 300 },
  );
});
