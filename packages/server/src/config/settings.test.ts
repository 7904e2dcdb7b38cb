import assert from 'node:assert/strict';
import test from 'node:test';
import { describeSettings, readSettings, type Settings, type SettingTable } from './settings.ts';

const table: SettingTable = {
  'queue-length-max': { kind: 'number', value: 'N', help: 'how many wait', bounds: [1, 100] },
  layout: { kind: 'text', help: 'how it lies', choices: ['streams', 'unified'] },
  model: { kind: 'text', value: 'REF', help: 'what is served' },
  quiet: { kind: 'switch', help: 'say less' },
};

function read(args: readonly string[], env: Record<string, string> = {}): Settings {
  return readSettings(table, { args, env });
}

function assertRefused(message: string, args: readonly string[], env = {}): void {
  assert.throws(() => read(args, env), { code: 'SERVER_SETTING_INVALID', message });
}

test('flags are read with a space or an equals sign, and the rest is kept', () => {
  const args = ['one', '--queue-length-max', '7', '--model=a=b', '--quiet', 'two'];
  const { values, rest } = read(args);
  assert.deepEqual(Object.fromEntries(values), {
    'queue-length-max': 7,
    model: 'a=b',
    quiet: true,
  });
  assert.deepEqual(rest, ['one', 'two']);
});

test('the environment gives what no flag gives', () => {
  const env = {
    MILLRACE_QUEUE_LENGTH_MAX: '9',
    MILLRACE_MODEL: 'env',
    MILLRACE_QUIET: 'yes',
    MILLRACE_LAYOUT: '',
  };
  const { values } = read(['--model', 'flag', '--quiet=false'], env);
  assert.deepEqual(Object.fromEntries(values), {
    'queue-length-max': 9,
    model: 'flag',
    quiet: false,
  });
});

for (const text of ['0', '101', '1.5', 'ten', '', ' ', 'Infinity']) {
  test(`"${text}" is refused for a number from 1 to 100`, () => {
    const message = `--queue-length-max is "${text}"; allowed is a whole number from 1 to 100`;
    assertRefused(message, [`--queue-length-max=${text}`]);
  });
}

test('bounds of a number belong to it', () => {
  assert.equal(read(['--queue-length-max=1']).values.get('queue-length-max'), 1);
  assert.equal(read(['--queue-length-max=100']).values.get('queue-length-max'), 100);
});

test('all problems are told at once, each with what is allowed', () => {
  const message = [
    'There is no flag --modle; did you mean model?',
    '--layout is "round"; allowed is streams, unified',
    'MILLRACE_QUEUE_LENGTH_MAX is "x"; allowed is a whole number from 1 to 100',
    'MILLRACE_QUIET is "maybe"; allowed is true or false',
  ].join('\n');
  assertRefused(message, ['--modle', '--layout', 'round'], {
    MILLRACE_QUEUE_LENGTH_MAX: 'x',
    MILLRACE_QUIET: 'maybe',
  });
});

test('a flag without its value, and one like no other, are named', () => {
  assertRefused('--model needs a value', ['--model']);
  assertRefused('There is no flag --entirely-different', ['--entirely-different']);
});

test('the help has a line for each, with choices and the name in the environment', () => {
  const lines = describeSettings(table).split('\n');
  assert.match(lines[0] ?? '', /^ {2}--queue-length-max N\s+how many wait {2}\[MILLRACE_QUEUE/);
  assert.match(lines[1] ?? '', /--layout VALUE .*\(streams, unified\) {2}\[MILLRACE_LAYOUT\]$/);
  assert.match(lines[3] ?? '', /^ {2}--quiet {2,}say less/);
});
