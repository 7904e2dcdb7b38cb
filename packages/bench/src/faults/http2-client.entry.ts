import { connect } from 'node:net';
import { parseArgs } from 'node:util';

/*
 * A client of HTTP/2 that opens windows only as it is told. It writes the frames itself (RFC 9113), because clients in
 * libraries always open them.
 *
 *   --hold stream       from event --hold-at, the stream's window stays shut for --hold-us
 *   --hold connection   at event --hold-at a bulk is asked for that takes the connection's window, which stays shut as long
 *   --hold forever      the same, and it is never opened: after --hold-us the stream is given up
 *   --hold cancel       windows are large; --hold-us after event --hold-at the stream is given up, and the connection stays for --stay-us
 */
const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '10.77.0.1' },
    port: { type: 'string', default: '0' },
    hold: { type: 'string', default: 'none' },
    'hold-at': { type: 'string', default: '-1' },
    'hold-us': { type: 'string', default: '0' },
    'stay-us': { type: 'string', default: '50000' },
    'limit-ms': { type: 'string', default: '10000' },
  },
});
const types = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 };
const flags = { ack: 1, endStream: 1, endHeaders: 4 };
const [answerStream, bulkStream] = [1, 3];
const cancel = 8;
/** A window of about three events, so that it is used up soon. */
const smallWindow = 600;
const largeWindow = 1_000_000;

const holdsStream = values.hold === 'stream';
const holdsConnection = values.hold === 'connection' || values.hold === 'forever';
const holdAt = Number(values['hold-at']);
const events: number[] = [];
let pending = Buffer.alloc(0);
let newlines = 0;
let isHolding = false;
let isWhole = false;
let leftNs: number | undefined;
const owed = { stream: 0, connection: 0 };

const socket = connect({ host: values.host, port: Number(values.port), noDelay: true });
const limit = setTimeout(finish, Number(values['limit-ms']));
const startNs = now();
socket.on('error', finish);
socket.on('close', finish);
socket.on('data', (bytes) => {
  pending = Buffer.concat([pending, typeof bytes === 'string' ? Buffer.from(bytes) : bytes]);
  while (pending.length >= 9) {
    const length = pending.readUIntBE(0, 3);
    if (pending.length < 9 + length) return;
    take({
      type: pending.readUInt8(3),
      flags: pending.readUInt8(4),
      streamId: pending.readUInt32BE(5) & 0x7fff_ffff,
      payload: pending.subarray(9, 9 + length),
    });
    pending = pending.subarray(9 + length);
  }
});
socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
send(types.settings, { payload: setting(4, holdsStream ? smallWindow : largeWindow) });
if (!holdsConnection) open(0, largeWindow);
ask(answerStream, 'POST');

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

function take(frame: Frame): void {
  if (frame.type === types.settings && (frame.flags & flags.ack) === 0) {
    send(types.settings, { flags: flags.ack });
  } else if (frame.type === types.ping && (frame.flags & flags.ack) === 0) {
    send(types.ping, { flags: flags.ack, payload: frame.payload });
  } else if (frame.type === types.data) takeOutput(frame);
}

function takeOutput({ streamId, payload, flags: set }: Frame): void {
  owed.connection += payload.length;
  if (streamId === answerStream) {
    owed.stream += payload.length;
    const before = events.length;
    readEvents(payload);
    // What comes after the stream was given up is read by nobody.
    if (leftNs !== undefined) return;
    if (before <= holdAt && events.length > holdAt) beginHold();
    if ((set & flags.endStream) !== 0) {
      isWhole = true;
      finish();
      return;
    }
  }
  if (values.hold === 'cancel') return;
  if (!isHolding || !holdsConnection) settle('connection');
  if (!isHolding || !holdsStream) settle('stream');
}

function readEvents(payload: Buffer): void {
  for (const byte of payload) {
    newlines = byte === 10 ? newlines + 1 : 0;
    if (newlines === 2) events.push(now());
  }
}

function beginHold(): void {
  if (values.hold === 'none') return;
  isHolding = true;
  if (holdsConnection) ask(bulkStream, 'GET');
  setTimeout(endHold, Number(values['hold-us']) / 1_000);
}

function endHold(): void {
  isHolding = false;
  if (values.hold === 'forever' || values.hold === 'cancel') {
    send(types.reset, { streamId: answerStream, payload: word(cancel) });
    if (values.hold === 'cancel') leftNs = now();
    setTimeout(finish, Number(values['stay-us']) / 1_000);
    return;
  }
  settle('connection');
  settle('stream');
}

function settle(window: 'stream' | 'connection'): void {
  const bytes = owed[window];
  if (bytes === 0) return;
  owed[window] = 0;
  open(window === 'stream' ? answerStream : 0, bytes);
}

function open(streamId: number, bytes: number): void {
  send(types.windowUpdate, { streamId, payload: word(bytes) });
}

function ask(streamId: number, method: 'GET' | 'POST'): void {
  // HPACK without its table (RFC 7541, 6.1 and 6.2.2): static entries 2, 3 and 6, literals for :path (4) and :authority (1).
  const literal = (name: number, text: string): Buffer =>
    Buffer.concat([Buffer.from([name, text.length]), Buffer.from(text)]);
  const path = method === 'GET' ? '/bulk' : '/v1/chat/completions';
  const block = Buffer.concat([
    Buffer.from([method === 'GET' ? 0x82 : 0x83, 0x86]),
    literal(0x04, path),
    literal(0x01, 'rig'),
  ]);
  const isOver = method === 'GET' ? flags.endStream : 0;
  send(types.headers, { streamId, flags: flags.endHeaders | isOver, payload: block });
  if (method === 'GET') return;
  const body = JSON.stringify({ model: 'rig', stream: true, messages: [] });
  send(types.data, { streamId, flags: flags.endStream, payload: Buffer.from(body) });
}

function send(type: number, frame: Partial<Omit<Frame, 'type'>>): void {
  const { payload = Buffer.alloc(0) } = frame;
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(frame.flags ?? 0, 4);
  head.writeUInt32BE(frame.streamId ?? 0, 5);
  socket.write(Buffer.concat([head, payload]));
}

function setting(id: number, value: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(id, 0);
  payload.writeUInt32BE(value, 2);
  return payload;
}

function word(value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return payload;
}

function now(): number {
  return Number(process.hrtime.bigint());
}

function finish(): void {
  clearTimeout(limit);
  socket.destroy();
  process.stdout.write(
    `${JSON.stringify({ startNs, endNs: leftNs ?? now(), isWhole, events })}\n`,
    () => process.exit(0),
  );
}
