import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { createProgress } from './progress.ts';

const mebibyte = 2 ** 20;

function shown(isInteractive: boolean, steps: readonly number[], total: number): string {
  const terminal = new FakeTerminal({ isInteractive });
  {
    using progress = createProgress('m', terminal);
    for (const done of steps) progress.advance(done * mebibyte, total * mebibyte);
  }
  assert.equal(terminal.outText, '');
  return terminal.errText;
}

test('a terminal gets one bar that is drawn again for each percent', () => {
  const [empty, half] = ['░'.repeat(30), `${'█'.repeat(15)}${'░'.repeat(15)}`];
  assert.equal(
    shown(true, [0, 0.5, 100, 100.5, 200], 200),
    `\rm ${empty} 0 % of 200 MiB\rm ${half} 50 % of 200 MiB\rm ${'█'.repeat(30)} 100 % of 200 MiB\n`,
  );
});

test('a log gets a line for each tenth', () => {
  const steps = Array.from({ length: 101 }, (_, at) => at);
  const lines = shown(false, steps, 100).split('\n');
  assert.deepEqual(lines.slice(0, 2), ['m: 0 % of 100 MiB', 'm: 10 % of 100 MiB']);
  assert.equal(lines.length, 12);
});

test('without a total the amount is shown', () => {
  assert.equal(shown(false, [10, 60, 90, 110], 0), 'm: 10 MiB\nm: 60 MiB\nm: 110 MiB\n');
  assert.equal(shown(true, [10, 10.5, 11], 0), '\rm 10 MiB\rm 11 MiB\n');
});

test('what never began shows nothing', () => {
  assert.equal(shown(true, [], 100), '');
});
