import { type Answer, type Probe, textOf } from './probe.ts';
import { choices, samplingProbes } from './sampling-probes.ts';

/** OpenAI's routes of completions and of embeddings. */
export const completionRoute = '/v1/completions';
export const embeddingRoute = '/v1/embeddings';

/** Every parameter of OpenAI's completions, and extensions. */
export const completionProbes: readonly Probe[] = [
  ...samplingProbes(completionRoute),
  ...own().map((probe) => ({ route: completionRoute, ...probe })),
];

/** Every parameter of OpenAI's embeddings. */
export const embeddingProbes: readonly Probe[] = [
  {
    name: 'input',
    shown: 'two texts',
    fields: { input: ['one', 'two'] },
    isHonoured: hasVectors(2),
  },
  { name: 'input', shown: 'token ids', fields: { input: [1000, 1001] }, isHonoured: hasVectors(1) },
  {
    name: 'encoding_format',
    shown: '"base64"',
    fields: { encoding_format: 'base64' },
    isHonoured: (answer: Answer) => typeof answer.body?.data?.[0]?.embedding === 'string',
  },
  {
    name: 'dimensions',
    shown: '8',
    fields: { dimensions: 8 },
    isHonoured: (answer: Answer) => answer.body?.data?.[0]?.embedding?.length === 8,
  },
  { name: 'user', shown: '"u1"', fields: { user: 'u1' } },
].map((probe) => ({ route: embeddingRoute, ...probe }));

function own(): readonly Omit<Probe, 'route'>[] {
  return [
    {
      name: 'prompt',
      shown: 'two texts',
      fields: { prompt: ['The river', 'The sea'] },
      isHonoured: (answer) => choices(answer).length === 2,
    },
    {
      name: 'prompt',
      shown: 'token ids',
      fields: { prompt: [1000, 1001, 1002] },
      isHonoured: (answer) => answer.body?.usage?.prompt_tokens === 3,
    },
    {
      name: 'echo',
      shown: 'true',
      fields: { echo: true },
      isHonoured: (answer) => textOf(answer).startsWith('The river'),
    },
    {
      name: 'logprobs',
      shown: '3',
      fields: { logprobs: 3 },
      isHonoured: (answer) => {
        const found = choices(answer)[0]?.logprobs;
        return (found?.top_logprobs?.length ?? found?.content?.length ?? 0) > 0;
      },
    },
    {
      name: 'suffix',
      shown: 'a text',
      fields: { suffix: ' the end.' },
      isHonoured: async (answer, ask) => textOf(answer) !== textOf(await ask({})),
    },
    {
      name: 'best_of',
      shown: '2, with n 1',
      fields: { best_of: 2, temperature: 1, seed: 7 },
      isHonoured: async (answer, ask) => {
        const one = (await ask({ temperature: 1, seed: 7 })).body?.usage?.completion_tokens ?? 0;
        return (answer.body?.usage?.completion_tokens ?? 0) > one;
      },
    },
  ];
}

function hasVectors(count: number): (answer: Answer) => boolean {
  return (answer) => answer.body?.data?.length === count;
}
