import assert from 'node:assert/strict';
import test from 'node:test';
import { EventPattern } from './event-pattern.ts';

/** As vLLM 0.32.0, llama-server b1-0ad4a86 and OpenAI wrote them; `content` stands where a token does. */
const engines: Readonly<Record<string, (content: string) => string>> = {
  vllm: (content) =>
    `data: {"id":"chatcmpl-a9333eccbae350f9","object":"chat.completion.chunk","created":1795714046,"model":"smol","choices":[{"index":0,"delta":{"content":${content}},"logprobs":null,"finish_reason":null,"token_ids":null}]}\n`,
  'vllm, a call': (content) =>
    `data: {"id":"chatcmpl-9dbc3899e2b73127","object":"chat.completion.chunk","created":1795714059,"model":"smol","choices":[{"index":0,"delta":{"content":null,"tool_calls":[{"index":0,"function":{"arguments":${content}}}]},"logprobs":null,"finish_reason":null,"token_ids":null}]}\n`,
  'llama-server': (content) =>
    `data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":${content}}}],"created":1795713104,"id":"chatcmpl-qdv0myifVjisTMGUVONFe9XC67TLAT0F","model":"smol","system_fingerprint":"b1-0ad4a86","object":"chat.completion.chunk"}\n`,
  'llama-server, completion': (content) =>
    `data: {"choices":[{"text":${content},"index":0,"logprobs":null,"finish_reason":null}],"created":1795713104,"model":"smol","system_fingerprint":"b1-0ad4a86","object":"text_completion","id":"chatcmpl-t0AUl0rDZGmjqH6tXXtTGuZkUITvBYoV"}\n`,
};

function patternOf(line: string): EventPattern | undefined {
  const bytes = Buffer.from(line);
  return EventPattern.of(bytes, line.indexOf('{'), bytes.length - 1);
}

/** Whether a line is as the pattern of another, and has content. */
function found(of: string, line: string): 'content' | 'nothing' | 'unlike' {
  const pattern = patternOf(of) ?? assert.fail('it makes no pattern');
  const bytes = Buffer.from(line);
  const end = pattern.endIn(bytes, 0);
  if (end === -1) return 'unlike';
  assert.equal(end, bytes.length);
  return pattern.hasContent ? 'content' : 'nothing';
}

test('the events of engines are as one another, whatever their content', () => {
  for (const [name, write] of Object.entries(engines))
    for (const content of ['" river"', '"r"', '"\\n"', '"\\"\\u00e9"', '"ü – 😀"', '"x,\\"y\\":1"'])
      for (const first of ['"The"', '""', '" river "', '"\\n\\n"'])
        assert.equal(
          found(write(first), write(content)),
          'content',
          `${name}: ${content} as ${first}`,
        );
});

test('an event whose content is empty has none, and a call always has', () => {
  for (const [name, write] of Object.entries(engines)) {
    const expected = name.endsWith('a call') ? 'content' : 'nothing';
    assert.equal(found(write('"The"'), write('""')), expected);
    assert.equal(found(write('""'), write('""')), expected);
  }
});

test('numbers and strings that are not read may differ', () => {
  const write = (id: string, created: string): string =>
    `data: {"id":${id},"created":${created},"choices":[{"text":"x"}]}\n`;
  for (const created of ['0', '7', '1795714047', '-1.5e+10', '12345678901234567890'])
    assert.equal(found(write('"a"', '1795714046'), write('"bcd"', created)), 'content');
});

test('a line that is no event, or says other than the pattern, is unlike', () => {
  const write = engines['vllm'] as (content: string) => string;
  const line = write('"The"');
  const bad = [
    '"\\x"',
    '"\\u12g4"',
    '"a\nb"',
    '"\t"',
    'null',
    '7',
    '["a"]',
    '"a","role":"b"',
    '"a',
  ];
  for (const content of bad) assert.equal(found(line, write(content)), 'unlike', content);
  const others = [
    line.replace('"finish_reason":null', '"finish_reason":"stop"'),
    line.replace('1795714046', '01795714046'),
    line.replace('1795714046', '-'),
    line.replace('1795714046', '1.'),
    line.replace('1795714046', '1e'),
    line.replace('}\n', ',"usage":{}}\n'),
    line.replace('"model"', '"error"'),
    line.replace('data: ', 'data:'),
    line.replace('\n', '\r\n'),
    ...Array.from({ length: line.length }, (_, length) => line.slice(0, length)),
  ];
  for (const other of others) assert.equal(found(line, other), 'unlike', other);
});

test('what follows a line does not belong to it', () => {
  const line = (engines['vllm'] as (content: string) => string)('"The"');
  const bytes = Buffer.from(`\n${line}\n${line}`);
  assert.equal(patternOf(line)?.endIn(bytes, 1), line.length + 1);
});

test('of an event that is too long, or has too many values, no pattern is made', () => {
  const write = (text: string, values: readonly number[]): string =>
    `data: {"choices":[{"text":"${text}"}],"x":[${values}]}\n`;
  const values = (count: number): number[] => Array.from({ length: count }, (_, at) => at);
  assert.ok(patternOf(write('x', values(63))));
  assert.equal(patternOf(write('x', values(64))), undefined);
  assert.ok(patternOf(write('x'.repeat(4000), [])));
  assert.equal(patternOf(write('x'.repeat(4096), [])), undefined);
});
