import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { BpfError } from '../errors.ts';
import { readElf } from '../elf/elf-file.ts';
import { readBtf, readBtfLazily } from './read-btf.ts';

const bytes = ['syscall-count', 'hooks', 'shapes', 'elsewhere'].map((name) => {
  const object = readFileSync(new URL(`../../fixtures/${name}.bpf.o`, import.meta.url));
  return (
    readElf(object).sections.find((section) => section.name === '.BTF')?.bytes ?? assert.fail(name)
  );
});

test('types that are read when they are asked for are those that are read at once', () => {
  for (const section of bytes) {
    const [eager, lazy] = [readBtf(section), readBtfLazily(section)];
    assert.equal(lazy.length, eager.length);
    for (let id = 0; id < eager.length; id += 1) {
      const type = eager.type(id);
      assert.deepEqual(lazy.type(id), type);
      if (type.name !== '')
        assert.deepEqual(lazy.find(type.kind, type.name), eager.find(type.kind, type.name));
    }
    assert.equal(lazy.find('struct', 'nobody'), undefined);
    assert.throws(() => lazy.type(eager.length), { code: 'BPF_BTF_INVALID' });
  }
});

test('bytes that are cut or changed are refused by a typed error or read, also later', () => {
  const [section] = bytes;
  assert.ok(section);
  for (let at = 0; at < section.byteLength; at += 5) {
    const changed = Uint8Array.from(section);
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    for (const candidate of [changed, section.subarray(0, at)]) {
      try {
        const btf = readBtfLazily(candidate);
        for (let id = 0; id < btf.length; id += 1) btf.type(id);
      } catch (error) {
        assert.ok(error instanceof BpfError, String(error));
      }
    }
  }
});
