import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { kernelBtfPath, readKernelBtf } from '../btf/kernel-btf.ts';
import { verifyObject } from '../signing/signature.ts';
import { readObjectSpec } from '../spec/object-spec.ts';
import { requireKernel } from '../testing/requirements.ts';
import { lacksOf } from './compatibility.ts';
import { loadObject } from './load-object.ts';

const bytes = readFileSync(new URL('../../fixtures/elsewhere.bpf.o', import.meta.url));
const { programs } = readObjectSpec(bytes);

test('reads from the object what each program uses of the kernel', () => {
  const uses = programs.map(({ name, typeUses, kernelFunctions }) => [
    name,
    typeUses.map(
      ({ typeName, path, isQuestion }) =>
        `${[typeName, ...path].join('.')}${isQuestion ? '?' : ''}`,
    ),
    kernelFunctions,
  ]);
  assert.deepEqual(uses, [
    ['needs_member', ['task_struct.not_in_any_kernel', 'task_struct.pid'], []],
    ['needs_type', ['not_in_any_kernel.member'], []],
    ['can_do_without', ['task_struct.not_in_any_kernel?', 'task_struct.not_in_any_kernel'], []],
  ]);
});

test('names the member or type that this kernel lacks, and nothing that a program asks for first', (t) => {
  if (!existsSync(kernelBtfPath)) return t.skip('needs the kernel: its types (BTF)');
  const kernel = readKernelBtf();
  assert.deepEqual(
    programs.map((program) => [program.name, lacksOf(program, kernel)]),
    [
      ['needs_member', ['struct task_struct.not_in_any_kernel']],
      ['needs_type', ['struct not_in_any_kernel.member']],
      ['can_do_without', []],
    ],
  );
});

test('loads the one program that can do without, and tells what the others need', (t) => {
  if (!requireKernel(t)) return;
  using loaded = loadObject(verifyObject(bytes, { allowsUnsigned: true }));
  assert.deepEqual(
    loaded.report.programs.map(({ name, outcome, needs }) => [name, outcome, needs]),
    [
      ['needs_member', 'failed', 'a kernel that has struct task_struct.not_in_any_kernel'],
      ['needs_type', 'failed', 'a kernel that has struct not_in_any_kernel.member'],
      ['can_do_without', 'loaded', undefined],
    ],
  );
});

test('a function that the kernel lacks keeps the whole object out, which is told by its name', (t) => {
  if (!requireKernel(t)) return;
  const path = new URL('../../fixtures/function-elsewhere.bpf.o', import.meta.url);
  const verified = verifyObject(readFileSync(path), { allowsUnsigned: true });
  assert.throws(() => loadObject(verified, { only: ['needs_nothing'] }), {
    name: 'UnsupportedError',
    code: 'BPF_KERNEL_UNSUPPORTED',
    needs: /bpf_not_in_any_kernel/,
  });
});
