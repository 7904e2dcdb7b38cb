import { type Answer, type Ask, type Probe, textOf } from './probe.ts';
import { choices, isCutAfter, samplingProbes } from './sampling-probes.ts';

/** OpenAI's route of chat completions. */
export const chatRoute = '/v1/chat/completions';

const schema = {
  type: 'object',
  properties: { city: { type: 'string', enum: ['Oslo', 'Rome'] } },
  required: ['city'],
  additionalProperties: false,
};
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a city',
    parameters: schema,
  },
};
const roomy = { max_tokens: 200 };

/** Every parameter of OpenAI's chat completions, and extensions. */
export const chatProbes: readonly Probe[] = [
  ...samplingProbes(chatRoute),
  ...[...output(), ...tools(), ...elsewhere()].map((probe) => ({ route: chatRoute, ...probe })),
];

function output(): readonly Omit<Probe, 'route'>[] {
  return [
    {
      name: 'max_completion_tokens',
      shown: '5',
      fields: { max_tokens: undefined, max_completion_tokens: 5 },
      isHonoured: isCutAfter(5),
    },
    {
      name: 'logprobs',
      shown: 'true',
      fields: { logprobs: true },
      isHonoured: (answer) => (choices(answer)[0]?.logprobs?.content?.length ?? 0) > 0,
    },
    {
      name: 'top_logprobs',
      shown: '3',
      fields: { logprobs: true, top_logprobs: 3 },
      isHonoured: (answer) =>
        choices(answer)[0]?.logprobs?.content?.[0]?.top_logprobs?.length === 3,
    },
    {
      name: 'response_format',
      shown: 'json_object',
      fields: { ...roomy, response_format: { type: 'json_object' } },
      isHonoured: (answer) => textOf(answer).trimStart().startsWith('{'),
    },
    {
      name: 'response_format',
      shown: 'json_schema',
      fields: {
        ...roomy,
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'place', schema, strict: true },
        },
      },
      isHonoured: (answer) => isOfSchema(textOf(answer)),
    },
  ];
}

function tools(): readonly Omit<Probe, 'route'>[] {
  const isCall = (answer: Answer): boolean =>
    choices(answer)[0]?.message?.tool_calls?.[0]?.function?.name === 'get_weather';
  return [
    {
      name: 'tools',
      shown: 'one function',
      fields: { ...roomy, tools: [weather] },
      isHonoured: promptGrows,
    },
    {
      name: 'tool_choice',
      shown: '"required"',
      fields: { ...roomy, tools: [weather], tool_choice: 'required' },
      isHonoured: isCall,
    },
    {
      name: 'tool_choice',
      shown: 'a named function',
      fields: {
        ...roomy,
        tools: [weather],
        tool_choice: { type: 'function', function: { name: 'get_weather' } },
      },
      isHonoured: isCall,
    },
    {
      name: 'tool_choice',
      shown: '"none"',
      fields: { ...roomy, tools: [weather], tool_choice: 'none' },
      isHonoured: (answer) => !isCall(answer),
    },
    {
      name: 'parallel_tool_calls',
      shown: 'false, calls required',
      fields: { ...roomy, tools: [weather], tool_choice: 'required', parallel_tool_calls: false },
      isHonoured: (answer) => choices(answer)[0]?.message?.tool_calls?.length === 1,
    },
    {
      name: 'functions',
      shown: 'one function',
      fields: { ...roomy, functions: [weather.function], function_call: { name: 'get_weather' } },
      isHonoured: (answer) => Boolean(choices(answer)[0]?.message?.function_call),
    },
  ];
}

/** What only OpenAI's own service can do, or what changes no answer. */
function elsewhere(): readonly Omit<Probe, 'route'>[] {
  return [
    {
      name: 'modalities',
      shown: '["text", "audio"]',
      fields: { modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'wav' } },
      isHonoured: (answer) => Boolean(choices(answer)[0]?.message?.audio),
    },
    {
      name: 'audio',
      shown: 'a voice',
      fields: { audio: { voice: 'alloy', format: 'wav' } },
      isHonoured: (answer) => Boolean(choices(answer)[0]?.message?.audio),
    },
    {
      name: 'prediction',
      shown: 'a text',
      fields: { prediction: { type: 'content', content: 'Once upon a time' } },
      isHonoured: (answer) => {
        const found = answer.body?.usage?.completion_tokens_details;
        return (
          (found?.accepted_prediction_tokens ?? 0) + (found?.rejected_prediction_tokens ?? 0) > 0
        );
      },
    },
    {
      name: 'reasoning_effort',
      shown: '"high"',
      fields: { reasoning_effort: 'high' },
      isHonoured: promptGrows,
    },
    { name: 'verbosity', shown: '"low"', fields: { verbosity: 'low' }, isHonoured: promptGrows },
    {
      name: 'web_search_options',
      shown: '{}',
      fields: { web_search_options: {} },
      isHonoured: (answer) => (choices(answer)[0]?.message?.annotations?.length ?? 0) > 0,
    },
    {
      name: 'service_tier',
      shown: '"flex"',
      fields: { service_tier: 'flex' },
      isHonoured: (answer) => answer.body?.service_tier === 'flex',
    },
    { name: 'store', shown: 'true', fields: { store: true }, isHonoured: () => false },
    { name: 'metadata', shown: '{"k": "v"}', fields: { metadata: { k: 'v' } } },
    { name: 'safety_identifier', shown: '"u1"', fields: { safety_identifier: 'u1' } },
    { name: 'prompt_cache_key', shown: '"k1"', fields: { prompt_cache_key: 'k1' } },
    { name: 'prompt_cache_retention', shown: '"24h"', fields: { prompt_cache_retention: '24h' } },
  ];
}

async function promptGrows(answer: Answer, ask: Ask): Promise<boolean> {
  const plain = (await ask({})).body?.usage?.prompt_tokens ?? Number.NaN;
  return (answer.body?.usage?.prompt_tokens ?? 0) > plain;
}

function isOfSchema(text: string): boolean {
  try {
    const value = JSON.parse(text) as { readonly city?: unknown };
    return value.city === 'Oslo' || value.city === 'Rome';
  } catch {
    return false;
  }
}
