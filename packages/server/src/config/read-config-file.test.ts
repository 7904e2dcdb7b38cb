import assert from 'node:assert/strict';
import test from 'node:test';
import { fileJsonSchema } from './file-schema.ts';
import { readConfigFile } from './read-config-file.ts';

function problemsOf(text: string): readonly string[] {
  try {
    readConfigFile(text, 'millrace.yaml');
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message.split('\n');
  }
  return [];
}

test('one line is a whole configuration', () => {
  const config = readConfigFile('endpoints: [{ url: "http://127.0.0.1:9100" }]', 'millrace.yaml');
  assert.deepEqual(config, { endpoints: [{ url: 'http://127.0.0.1:9100' }] });
});

test('tells everything that is wrong at once, each with its place', () => {
  const problems = problemsOf(`listen: { port: 99999 }
endpoints:
  - url: ftp://host
  - { url: "http://a:1", wieght: 2 }
  - { kind: vlm }
lanez: 2
`);
  assert.equal(problems.length, 6, problems.join('\n'));
  assert.match(problems.join('\n'), /millrace\.yaml:1:17: listen\.port is wrong: .*65535/);
  assert.match(
    problems.join('\n'),
    /millrace\.yaml:3:10: endpoints\[0\]\.url is wrong: is no http/,
  );
  assert.match(
    problems.join('\n'),
    /:4:\d+: endpoints\[1\]\.wieght is not known; did you mean weight\?/,
  );
  assert.match(problems.join('\n'), /:5:5: endpoints\[2\]\.url is missing/);
  assert.match(problems.join('\n'), /endpoints\[2\]\.kind is wrong: .*"vllm"/);
  assert.match(problems.join('\n'), /:6:\d+: lanez is not known/);
});

test('refuses limits by which one body could not come', () => {
  const file = (limits: string): string =>
    `endpoints: [{ url: "http://a:1" }]\nlimits: ${limits}\n`;
  assert.equal(
    readConfigFile(file('{ connections: 20000, bodiesBytes: 67108864 }'), 'f').limits?.connections,
    20_000,
  );
  assert.throws(
    () => readConfigFile(file('{ bodiesBytes: 1024 }'), 'f'),
    /16777216 bytes that one body/,
  );
  assert.throws(() => readConfigFile(file('{ conections: 1 }'), 'f'), /conections/);
});

test('says where the YAML itself is broken', () => {
  assert.match(problemsOf('endpoints: [').join('\n'), /^millrace\.yaml:1:\d+: /);
  assert.match(
    problemsOf('a: 1\na: 2\nendpoints: []').join('\n'),
    /^millrace\.yaml:2:1: .*unique/i,
  );
});

test('an empty file lacks endpoints', () => {
  assert.match(problemsOf('').join(), /neither "endpoints" nor "engines" is there/);
  assert.match(problemsOf('endpoints: []').join('\n'), /endpoints is wrong: /);
});

test('refuses names given twice and aliases of aliases', () => {
  const text = `endpoints: [{ url: "http://a:1" }, { url: "http://a:1/prefix" }]
aliases: { fast: slow, slow: smol }
`;
  assert.deepEqual(problemsOf(text), [
    'millrace.yaml: endpoints[1] has the name "a:1" of endpoints[0]; give it another',
    'millrace.yaml: aliases.fast names "slow", which is an alias itself; name models',
  ]);
});

test('knows the keys of every part, however deep, and what stands for them', () => {
  const problems =
    problemsOf(`endpoints: [{ url: "http://a:1", timeouts: { conectMs: 5 }, kvEvents: { url: "http://a" } }]
engines: [{ launch: vlm, model: m }]
resilience: { hedge: { shaer: 0.1 }, slow: { factor: 1 }, queue: { waitMs: -1 } }
routing: { workloads: [{ name: a, when: { promtTokensMin: 1 }, engines: [vllm] }] }
aliases: { best: { models: [m], tier: 3 } }
`).join('\n');
  for (const expected of [
    /:1:\d+: endpoints\[0\]\.timeouts\.conectMs is not known; did you mean connectMs\?/,
    /:1:\d+: endpoints\[0\]\.kvEvents\.url is wrong: is no tcp/,
    /:2:\d+: engines\[0\]\.launch is wrong: .*"llama-server"/,
    /:3:\d+: resilience\.hedge\.shaer is not known; did you mean share\?/,
    /:3:\d+: resilience\.slow\.factor is wrong/,
    /:3:\d+: resilience\.queue\.waitMs is wrong/,
    /:4:\d+: routing\.workloads\[0\]\.when\.promtTokensMin is not known; did you mean promptTokensMin\?/,
    /:5:\d+: aliases\.best\.tier is not known; did you mean tierMin\?/,
  ])
    assert.match(problems, expected);
});

test('refuses tenants that cannot be told apart', () => {
  const key = `sha256:${'a'.repeat(64)}`;
  const text = `endpoints: [{ url: "http://a:1" }]
tenants: [{ name: one, keys: ["${key}"] }, { name: two, keys: ["${key.toUpperCase().replace('SHA', 'sha')}"] }, { name: two, keys: ["sha256:${'b'.repeat(64)}"] }]
`;
  assert.deepEqual(problemsOf(text), [
    'millrace.yaml: tenants[1] has a key that "one" has too',
    'millrace.yaml: tenants[2] has the name "two" of another; give it another',
  ]);
  const plain = 'endpoints: [{ url: "http://a:1" }]\ntenants: [{ name: one, keys: [secret] }]\n';
  assert.match(problemsOf(plain).join(), /tenants\[0\]\.keys\[0\] is wrong: is no "sha256:"/);
});

test('refuses a name of a tenant that no header can carry', () => {
  for (const name of ['"中"', '"a\\nb"', '" a"', '""']) {
    const text = `endpoints: [{ url: "http://a:1" }]
tenants: [{ name: ${name}, keys: ["sha256:${'a'.repeat(64)}"] }]
`;
    assert.match(problemsOf(text).join(), /tenants\[0\]\.name is wrong: is no 1 to 64 letters/);
  }
});

test('an alias bomb is refused, not expanded', () => {
  const levels = Array.from({ length: 12 }, (_, at) =>
    at === 0 ? 'a0: &a0 [x, x]' : `a${at}: &a${at} [*a${at - 1}, *a${at - 1}, *a${at - 1}]`,
  ).join('\n');
  assert.match(problemsOf(levels).join('\n'), /alias/i);
});

test('the schema for editors knows every key and says what each is', () => {
  const schema = JSON.stringify(fileJsonSchema());
  for (const key of ['endpoints', 'listen', 'aliases', 'apiKeyEnv'])
    assert.ok(schema.includes(`"${key}"`));
  assert.ok(schema.includes('"additionalProperties":false'));
});
