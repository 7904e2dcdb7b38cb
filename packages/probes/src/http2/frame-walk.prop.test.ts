import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Assembly } from '../assembly/assembly.ts';
import type { RequestRecord } from '../requests/request-record.ts';
import { SocketScript } from '../testing/socket-script.ts';

const headBytes = 9;
const [data, headers, windowUpdate] = [0, 1, 8];
const [endStream, endHeaders] = [1, 4];

function frame(
  [type, flags, streamId]: readonly [number, number, number],
  payload: Uint8Array,
): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** What `frame-walk.h` tells of the bytes: places of heads, and of what is in frames that carry no data. */
function placesToKeep(bytes: Uint8Array): readonly (readonly [number, number])[] {
  const view = Buffer.from(bytes);
  const places: [number, number][] = [];
  for (let at = 0; at < view.length;) {
    const length = view.readUIntBE(at, 3);
    const end = at + headBytes + length;
    places.push([at, view[at + 3] === data ? at + headBytes : end]);
    at = end;
  }
  return places;
}

interface Answer {
  readonly pieces: readonly number[];
  readonly opened: number;
}

// :method GET, :scheme http, :path /; then :status 200 (RFC 7541, appendix A).
const request = Uint8Array.from([0x82, 0x86, 0x84]);
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

function play(
  answers: readonly Answer[],
  { cuts, ends }: { readonly cuts: readonly number[]; readonly ends: readonly [number, number] },
  isWhole: boolean,
): RequestRecord[] {
  const script = new SocketScript();
  const streams = answers.map((_, index) => 2 * index + 1);
  const asks = streams.map((id) => frame([headers, endHeaders | endStream, id], request));
  script.receive(Buffer.concat([preface, ...asks]));
  const sent = Buffer.concat(
    answers.flatMap(({ pieces }, index) => {
      const id = streams[index] ?? 0;
      const last = pieces.length - 1;
      return [
        frame([headers, endHeaders, id], Uint8Array.of(0x88)),
        ...pieces.map((length, at) =>
          frame([data, at === last ? endStream : 0, id], new Uint8Array(length)),
        ),
      ];
    }),
  );
  const places = placesToKeep(sent);
  const borders = [...new Set(cuts.map((at) => at % sent.length)), sent.length]
    .filter((at) => at > 0)
    .toSorted((one, other) => one - other);
  let from = 0;
  for (const [index, to] of borders.entries()) {
    const bytes = sent.subarray(from, to);
    const [head, tail] = [Math.min(ends[0], bytes.length), ends[1]];
    const isShort = head + tail >= bytes.length;
    if (isWhole || isShort) script.send(bytes);
    else
      script.sendInPieces(bytes, {
        head,
        tail,
        middle: within(places, [from + head, to - tail], from),
      });
    const { opened } = answers[index % answers.length] as Answer;
    const credit = Buffer.alloc(4);
    credit.writeUInt32BE(opened);
    script.receive(frame([windowUpdate, 0, 0], credit));
    from = to;
  }
  const records: RequestRecord[] = [];
  const assembly = new Assembly((record) => records.push(record));
  for (const event of script.events) assembly.push(event);
  assembly.close();
  return records;
}

/** Of places those parts that lie in a range, told from an origin. */
function within(
  places: readonly (readonly [number, number])[],
  [from, to]: readonly [number, number],
  origin: number,
): readonly (readonly [number, number])[] {
  return places
    .map(([begin, end]) => [Math.max(begin, from) - origin, Math.min(end, to) - origin] as const)
    .filter(([begin, end]) => begin < end);
}

test('with the heads of frames in the middle an operation tells all that it would tell whole', () => {
  const answer = fc.record({
    pieces: fc.array(fc.nat(600), { minLength: 1, maxLength: 6 }),
    opened: fc.integer({ min: 1, max: 40_000 }),
  });
  fc.assert(
    fc.property(
      fc.array(answer, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(8000), { maxLength: 6 }),
      fc.tuple(fc.integer({ min: 0, max: 64 }), fc.nat(32)),
      (answers, cuts, ends) => {
        const whole = play(answers, { cuts, ends }, true);
        assert.deepEqual(play(answers, { cuts, ends }, false), whole);
        assert.deepEqual(
          whole.map(({ ending, incomplete }) => [ending, incomplete]),
          answers.map(() => ['answered', []]),
        );
      },
    ),
  );
});
