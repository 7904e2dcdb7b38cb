import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { describeMessagesParameters } from '@millrace/anthropic';
import { describeResponseParameters, type ParameterDescription } from '@millrace/openai';

const page = readFileSync(new URL('../../../../docs/apis.md', import.meta.url), 'utf8');

function lineOf({ name, effect, note, isRequired }: ParameterDescription): string {
  const passed = note.startsWith('extension') ? 'passed on' : 'translated';
  const is = effect === 'honoured' ? passed : effect;
  return `| \`${name}\`${isRequired ? ' (required)' : ''} | ${is} | ${note} |`;
}

for (const [title, parameters] of [
  ['Messages', describeMessagesParameters()],
  ['Responses', describeResponseParameters()],
] as const) {
  test(`docs/apis.md has the parameters of ${title} as they are taken`, () => {
    const section = page.split(`## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
    const lines = section.split('\n').filter((line) => line.startsWith('| `'));
    assert.deepEqual(lines, parameters.map(lineOf));
  });
}
