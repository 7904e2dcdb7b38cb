import assert from 'node:assert/strict';
import test from 'node:test';
import {
  describeSettings,
  environmentName,
  readSettings,
  type Setting,
  type SettingTable,
} from '../config/settings.ts';
import { chatSettings } from './chat-command.ts';
import { configSettings } from './config-command.ts';
import { doctorSettings } from './doctor-command.ts';
import { engineCommandSettings } from './engine-command.ts';
import { kernelSettings } from './kernel-command.ts';
import { modelsSettings } from './models-command.ts';
import { replaySettings } from './replay-command.ts';
import { traceSettings } from './trace-command.ts';
import { upSettings } from './up-command.ts';

const tables: Readonly<Record<string, SettingTable>> = {
  chat: chatSettings,
  config: configSettings,
  doctor: doctorSettings,
  engine: engineCommandSettings,
  kernel: kernelSettings,
  models: modelsSettings,
  replay: replaySettings,
  trace: traceSettings,
  up: upSettings,
};

interface Sample {
  /** A value that is taken, and another. */
  readonly values: readonly [string, string];
  /** What is not; a text without choices may be anything. */
  readonly wrong: string | undefined;
}

function sampleOf({ kind, bounds, choices }: Setting): Sample {
  if (kind === 'switch') return { values: ['true', 'false'], wrong: 'perhaps' };
  if (kind === 'text')
    return choices === undefined
      ? { values: ['one', 'other'], wrong: undefined }
      : { values: [choices[0] ?? '', choices.at(-1) ?? ''], wrong: 'none of these' };
  const [least, most] = bounds ?? [0, 10];
  return { values: [String(least), String(most)], wrong: String(least - 1) };
}

for (const [command, table] of Object.entries(tables))
  test(`every flag of millrace ${command} has a twin in the environment`, () => {
    for (const [name, setting] of Object.entries(table)) {
      const twin = environmentName(name);
      const { values, wrong } = sampleOf(setting);
      const [first, second] = values;
      const read = (args: readonly string[], env: Readonly<Record<string, string>>): unknown =>
        readSettings(table, { args, env }).values.get(name);
      const byFlag = read([`--${name}=${first}`], {});
      assert.notEqual(byFlag, undefined, `--${name}`);
      assert.deepEqual(read([], { [twin]: first }), byFlag, twin);
      assert.deepEqual(read([`--${name}=${first}`], { [twin]: second }), byFlag, 'the flag wins');
      assert.equal(read([], { [twin]: '' }), undefined, `${twin} is empty`);
      if (wrong === undefined) continue;
      assert.throws(() => read([], { [twin]: wrong }), {
        code: 'SERVER_SETTING_INVALID',
        message: new RegExp(`^${twin} is "${wrong}"; allowed is `),
      });
    }
  });

test('the help of a command names the twin of each flag', () => {
  for (const table of Object.values(tables)) {
    const lines = describeSettings(table).split('\n');
    for (const [at, name] of Object.keys(table).entries())
      assert.ok(
        lines[at]?.includes(`--${name}`) && lines[at].endsWith(`[${environmentName(name)}]`),
      );
  }
});

test('no two flags share a twin, and one that several commands have is of one kind', () => {
  const kinds = new Map<string, Setting['kind']>();
  for (const table of Object.values(tables)) {
    const twins = Object.keys(table).map(environmentName);
    assert.equal(new Set(twins).size, twins.length);
    for (const [name, { kind }] of Object.entries(table)) {
      assert.equal(kinds.get(name) ?? kind, kind, name);
      kinds.set(name, kind);
    }
  }
});
