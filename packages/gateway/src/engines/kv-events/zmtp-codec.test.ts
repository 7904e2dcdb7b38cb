import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { GatewayError } from '../../errors.ts';
import { commandFrame, greeting, messageFrames, readyCommand, ZmtpReader } from './zmtp-codec.ts';
import { zmtpAddress } from './zmtp-connection.ts';

const bounds = { messageBytesMax: 4_096, framesMax: 4 };

function refuses(bytes: Buffer, reason: RegExp): void {
  assert.throws(
    () => new ZmtpReader(bounds).push(bytes),
    (error) => error instanceof GatewayError && reason.test(error.message),
  );
}

test('however what a peer sends is cut, the same comes out', () => {
  const frame = fc.uint8Array({ maxLength: 700 }).map((bytes) => Buffer.from(bytes));
  const messages = fc.array(fc.array(frame, { minLength: 1, maxLength: 4 }), { maxLength: 6 });
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 300 })), (list, cuts) => {
      const sent = [greeting(), readyCommand('SUB'), ...list.map(messageFrames)];
      const bytes = Buffer.concat(sent);
      const reader = new ZmtpReader(bounds);
      const items = [];
      let start = 0;
      for (const length of [...cuts, bytes.length]) {
        items.push(...reader.push(bytes.subarray(start, start + length)));
        start = Math.min(bytes.length, start + length);
      }
      assert.deepEqual(
        items.slice(2),
        list.map((frames) => ({ kind: 'message', frames })),
      );
      assert.equal(items[0]?.kind, 'greeting');
      assert.equal(items[1]?.kind === 'command' && items[1].name, 'READY');
    }),
  );
});

test('a peer that is none, or wants more than is spoken, is refused', () => {
  refuses(Buffer.alloc(64, 'HTTP/1.1 400 Bad Request\r\n'), /not ZeroMQ/);
  const old = greeting();
  old[10] = 1;
  refuses(old, /version 1; 3 is needed/);
  const secure = greeting();
  secure.fill(0, 12, 32).write('CURVE', 12);
  refuses(secure, /"CURVE"; only NULL/);
});

test('bounds hold before room is taken', () => {
  const huge = Buffer.alloc(9);
  huge[0] = 2;
  huge.writeBigUInt64BE(2n ** 40n, 1);
  refuses(Buffer.concat([greeting(), huge]), /larger than 4096 bytes/);
  const one = Buffer.alloc(1);
  refuses(
    Buffer.concat([greeting(), messageFrames([one, one, one, one, one])]),
    /more than 4 frames/,
  );
  const big = Buffer.alloc(3_000);
  refuses(Buffer.concat([greeting(), messageFrames([big, big])]), /larger than 4096/);
  refuses(Buffer.concat([greeting(), Buffer.from([0x80, 0])]), /flags 0x80/);
  refuses(Buffer.concat([greeting(), Buffer.from([4, 0])]), /no name/);
  assert.equal(commandFrame('PONG', one).length, 8);
});

test('addresses are of ZeroMQ’s form', () => {
  assert.deepEqual(zmtpAddress('tcp://127.0.0.1:5557'), { host: '127.0.0.1', port: 5557 });
  assert.deepEqual(zmtpAddress('tcp://[::1]:5557'), { host: '::1', port: 5557 });
  assert.deepEqual(zmtpAddress('ipc:///tmp/kv'), { path: '/tmp/kv' });
  for (const wrong of ['tcp://*:', 'http://a:1', 'tcp://a:99999', 'ipc://', ''])
    assert.throws(() => zmtpAddress(wrong), GatewayError);
});
