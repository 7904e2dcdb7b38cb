import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { BpfError } from '../errors.ts';
import { readObjectSpec } from './object-spec.ts';

const bytes = readFileSync(new URL('../../fixtures/syscall-count.bpf.o', import.meta.url));

test('reads programs with their section, kind and target', () => {
  const { programs, license } = readObjectSpec(bytes);
  assert.equal(license, 'GPL');
  assert.deepEqual(
    programs.map(({ name, section, kind, target }) => ({ name, section, kind, target })),
    [
      {
        name: 'count_syscalls',
        section: 'raw_tp/sys_enter',
        kind: 'raw-tracepoint',
        target: 'sys_enter',
      },
      { name: 'refused', section: 'raw_tp/sys_exit', kind: 'raw-tracepoint', target: 'sys_exit' },
    ],
  );
  assert.ok(programs.every(({ byteLength }) => byteLength > 0 && byteLength % 8 === 0));
});

test('reads maps with their sizes', () => {
  const { maps } = readObjectSpec(bytes);
  const withoutTypes = maps.map(({ keyTypeId: _key, valueTypeId: _value, ...map }) => map);
  assert.deepEqual(withoutTypes, [
    { name: 'counts', type: 2, keyBytes: 4, valueBytes: 8, entriesMax: 4, flags: 0 },
    { name: 'events', type: 27, keyBytes: 0, valueBytes: 0, entriesMax: 65536, flags: 0 },
  ]);
});

test('reads global constants where the symbols place them', () => {
  const { constants } = readObjectSpec(bytes);
  const byName = new Map(constants.map((constant) => [constant.name, constant]));
  assert.equal(byName.get('target_thread')?.byteLength, 4);
  assert.equal(byName.get('discard_every')?.byteLength, 8);
  assert.notEqual(byName.get('target_thread')?.offset, byName.get('discard_every')?.offset);
});

test('reads structures with the offset of every member', () => {
  const { btf } = readObjectSpec(bytes);
  const event = btf.find('struct', 'syscall_event');
  assert.ok(event);
  assert.equal(event.byteLength, 40);
  assert.deepEqual(
    event.members.map(({ name, bitOffset, typeId }) => [
      name,
      bitOffset / 8,
      btf.byteLength(typeId),
      btf.resolve(typeId).kind,
    ]),
    [
      ['sequence', 0, 8, 'int'],
      ['pid', 8, 4, 'int'],
      ['number', 12, 2, 'int'],
      ['comm', 14, 16, 'array'],
      ['outcome', 32, 4, 'enum'],
    ],
  );
});

test('reads the values of enumerations', () => {
  const { btf } = readObjectSpec(bytes);
  assert.deepEqual(btf.find('enum', 'outcome')?.values, [
    { name: 'OUTCOME_SUBMITTED', value: 1n },
    { name: 'OUTCOME_DISCARDED', value: 2n },
  ]);
});

test('refuses an object for another machine', () => {
  const changed = Buffer.from(bytes);
  changed.writeUInt16LE(62, 18);
  assert.throws(() => readObjectSpec(changed), { code: 'BPF_OBJECT_INVALID', message: /62/ });
});

test('an object cut off anywhere is refused by a typed error or read, never otherwise', () => {
  for (let length = 0; length < bytes.byteLength; length += 7) {
    refusesOrReads(bytes.subarray(0, length));
  }
});

test('an object with any byte changed is refused by a typed error or read, never otherwise', () => {
  for (let at = 0; at < bytes.byteLength; at += 3) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    refusesOrReads(changed);
  }
});

function refusesOrReads(candidate: Uint8Array): void {
  try {
    readObjectSpec(candidate);
  } catch (error) {
    assert.ok(error instanceof BpfError, String(error));
  }
}
