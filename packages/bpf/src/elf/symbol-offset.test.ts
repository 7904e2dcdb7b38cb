import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { BpfError } from '../errors.ts';
import { symbolOffset } from './symbol-offset.ts';

const fixture = new URL('../../fixtures/hooks.bpf.o', import.meta.url).pathname;

test('finds a function by its name, and none by the end of a name', () => {
  // In an object that is not linked, sections have no addresses: the offset is that of the section, plus the symbol's.
  const [trace, uprobe] = [symbolOffset(fixture, 'on_trace'), symbolOffset(fixture, 'on_uprobe')];
  const bytes = readFileSync(fixture);
  assert.ok(trace > 0 && uprobe > trace && uprobe < bytes.byteLength);
  assert.throws(() => symbolOffset(fixture, 'uprobe'), {
    code: 'BPF_ATTACH_FAILED',
    message: /"uprobe"/,
  });
  assert.throws(() => symbolOffset('/no/such/file', 'x'), { code: 'BPF_ATTACH_FAILED' });
});

test('a file that is cut off or changed is refused by a typed error or read, never otherwise', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-symbols-'));
  const path = join(folder, 'file');
  const bytes = readFileSync(fixture);
  try {
    for (let at = 0; at < bytes.byteLength; at += 37) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0xff;
      for (const candidate of [changed, bytes.subarray(0, at)]) {
        writeFileSync(path, candidate);
        try {
          symbolOffset(path, 'on_uprobe');
        } catch (error) {
          assert.ok(error instanceof BpfError, String(error));
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
