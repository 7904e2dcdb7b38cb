import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { identify } from './identify.ts';
import { qualityTierOf } from './quantization.ts';
import { readLoad } from './read-load.ts';
import { readSlots } from './read-slots.ts';

type Recorded = Readonly<Record<string, unknown>>;

/** What a real engine answered, by path; each file tells where it comes from. */
function recorded(name: string): Recorded {
  const file = new URL(`fixtures/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as Recorded;
}

function answersOf(found: Recorded): Parameters<typeof identify>[0] {
  return {
    models: found['/v1/models'],
    props: found['/props'],
    ollamaVersion: found['/api/version'],
    sglangInfo: found['/get_server_info'],
    version: found['/version'],
  };
}

test("llama.cpp's server, as recorded, is known with its context and its quantisation", () => {
  const found = recorded('llama-server');
  const identity = identify(answersOf(found));
  assert.deepEqual(identity, {
    kind: 'llama.cpp',
    models: [{ id: 'smol', contextTokensMax: 1_024, quantization: 'Q8_0' }],
  });
  assert.equal(qualityTierOf(identity?.models[0]?.quantization), 90);
  // Without its properties, as behind a proxy that hides them, the list of models says the same.
  assert.equal(
    identify({ ...answersOf(found), props: undefined })?.models[0]?.contextTokensMax,
    1_024,
  );
});

test('its load is read from its metrics, its cache from its slots', () => {
  const found = recorded('llama-server');
  const reading = readLoad('llama.cpp', String(found['/metrics']));
  assert.deepEqual(reading?.missing, []);
  assert.equal(reading?.load.running, 1);
  assert.deepEqual(readSlots(found['/slots idle']), { kvUsage: 0, waitingTokens: 0 });
  assert.deepEqual(readSlots(found['/slots at work']), {
    kvUsage: 95 / 4_096,
    waitingTokens: 0,
  });
});

test('a prompt that is being computed waits, less what is cached and done', () => {
  const slot = { n_ctx: 1_000, is_processing: true, n_prompt_tokens: 600 };
  const progress = { n_prompt_tokens_processed: 100, n_prompt_tokens_cache: 50 };
  assert.deepEqual(readSlots([{ ...slot, ...progress, next_token: { n_decoded: 0 } }]), {
    kvUsage: 0.6,
    waitingTokens: 450,
  });
  for (const none of [undefined, {}, [], [{ id: 0 }], 'text'])
    assert.equal(readSlots(none), undefined);
});
