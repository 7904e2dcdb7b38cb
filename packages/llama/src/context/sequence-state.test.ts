import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { portableSlackBytes, portableStateFor, toPortableState } from './sequence-state.ts';

/** A state as libllama would write it: `streams` counts, data behind the one that is not 0. */
function stateOf(step: {
  readonly streams: number;
  readonly stream: number;
  readonly cells: number;
  readonly data: Uint8Array;
}): Uint8Array {
  const words = Array.from({ length: step.streams }, (_, index) =>
    index === step.stream ? step.cells : 0,
  );
  const before = Buffer.from(
    Uint32Array.from([0xfeed, step.stream, step.streams, ...words.slice(0, step.stream + 1)])
      .buffer,
  );
  const after = Buffer.from(Uint32Array.from(words.slice(step.stream + 1)).buffer);
  return Buffer.concat([before, step.data, after]);
}

test('a state of any stream becomes that of the first stream of a context of any size', () => {
  const shape = fc.record({
    streams: fc.integer({ min: 1, max: 256 }),
    streamSeed: fc.nat(),
    cells: fc.integer({ min: 1, max: 1000 }),
    data: fc.uint8Array({ minLength: 1, maxLength: 64 }),
    targets: fc.array(fc.integer({ min: 1, max: 256 }), { minLength: 1, maxLength: 3 }),
  });
  fc.assert(
    fc.property(shape, ({ streams, streamSeed, cells, data, targets }) => {
      const stream = streamSeed % streams;
      const written = stateOf({ streams, stream, cells, data });
      const memory = new Uint8Array(written.length + portableSlackBytes);
      memory.set(written);
      const portable = toPortableState(memory);
      for (const target of targets) {
        const taken = portableStateFor(portable, target);
        const expected = stateOf({ streams: target, stream: 0, cells, data });
        const withoutSequence = (bytes: Uint8Array): Buffer =>
          Buffer.concat([bytes.subarray(0, 4), bytes.subarray(8)]);
        assert.deepEqual(withoutSequence(taken), withoutSequence(expected));
      }
    }),
  );
});
