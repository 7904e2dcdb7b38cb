/** One request to a real engine whose answer becomes a fixture. */
export interface Question {
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** What is sent: an object as JSON, a text as it is. */
  readonly body?: object | string;
  /** Asked while the engine generates for another request. */
  readonly isAtWork?: boolean;
}

/** The name by which every recorded engine serves its model. */
export const recordedModel = 'smol';

const chatPath = '/v1/chat/completions';
const completionPath = '/v1/completions';
const river = [{ role: 'user', content: 'Tell me a short story about a river.' }];
const long = [{ role: 'user', content: `${'Rain falls on the hills. '.repeat(24)}Where?` }];
const begun = [...river, { role: 'assistant', content: 'Once upon a time' }];
const goOn = { continue_final_message: true, add_generation_prompt: false };
const usual = { stream: true, stream_options: { include_usage: true } };
const common = { model: recordedModel, temperature: 0, max_tokens: 6 };
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    strict: true,
    parameters: {
      type: 'object',
      properties: { city: { type: 'string', enum: ['Oslo'] } },
      required: ['city'],
      additionalProperties: false,
    },
  },
};

const called = {
  tools: [weather],
  tool_choice: { type: 'function', function: { name: 'get_weather' } },
};

/** What a generation is kept busy with while the engine is looked at. */
export const busyBody: Readonly<Record<string, unknown>> = {
  ...common,
  messages: [{ role: 'user', content: 'Tell me a long story about the sea.' }],
  max_tokens: 400,
  stream: true,
  ignore_eos: true,
};

function chat(name: string, fields: object): Question {
  const body = { ...common, messages: river, ...fields };
  return { name, method: 'POST', path: chatPath, body };
}

function completion(name: string, fields: object): Question {
  const body = { ...common, prompt: 'The river', ...fields };
  return { name, method: 'POST', path: completionPath, body };
}

function look(path: string, isAtWork = false): Question {
  return { name: isAtWork ? `${path} at work` : path, method: 'GET', path, isAtWork };
}

/** What OpenAI's API has of each engine. */
const shared: readonly Question[] = [
  look('/v1/models'),
  chat('chat', {}),
  chat('chat, streamed', usual),
  chat('chat, streamed without usage', { stream: true }),
  chat('chat with log probabilities', { logprobs: true, top_logprobs: 2, max_tokens: 2 }),
  chat('chat, a long prompt', { messages: long, max_tokens: 2 }),
  chat('chat, the long prompt again', { messages: long, max_tokens: 2 }),
  completion('completion', {}),
  completion('completion, streamed', usual),
  completion('completion of two prompts', { prompt: ['The river', 'The sea is'], max_tokens: 3 }),
  chat('chat that meets a stop string', { stop: [' was'], max_tokens: 12 }),
  chat('chat, continued', { ...usual, messages: begun, ...goOn }),
  chat('no such model', { model: 'nobody' }),
  chat('a parameter of a wrong type', { temperature: 'hot' }),
  chat('a prompt that is too long', {
    messages: [{ role: 'user', content: 'rain '.repeat(3_000) }],
  }),
  { name: 'no JSON', method: 'POST', path: chatPath, body: '{"model": ' },
  { name: 'no such route', method: 'POST', path: '/v1/nothing', body: {} },
  { name: 'embeddings', method: 'POST', path: '/v1/embeddings', body: { input: 'The river' } },
];

export const llamaServerQuestions: readonly Question[] = [
  look('/props'),
  look('/slots'),
  look('/metrics'),
  look('/slots', true),
  look('/metrics', true),
  ...shared,
];

/** Prompts with nothing in common, that take the place of what a small cache holds. */
export const crowdingQuestions: readonly Question[] = ['sun', 'snow', 'wind', 'fog'].map((word) =>
  chat(word, { messages: [{ role: 'system', content: `${word} `.repeat(300) }], max_tokens: 2 }),
);

/** Of llama-server when it is started to embed, which it then does alone. */
export const llamaServerEmbeddingQuestions: readonly Question[] = [
  {
    name: 'embeddings of two texts',
    method: 'POST',
    path: '/v1/embeddings',
    body: { model: recordedModel, input: ['The river', 'The sea'], encoding_format: 'base64' },
  },
];

export const vllmQuestions: readonly Question[] = [
  look('/version'),
  look('/metrics'),
  look('/metrics', true),
  ...shared,
  chat('chat with a call', { ...called, max_tokens: 120 }),
  chat('chat with a call, streamed', {
    ...called,
    max_tokens: 120,
    ...usual,
  }),
  {
    name: 'tokens of a chat',
    method: 'POST',
    path: '/tokenize',
    body: { model: recordedModel, messages: long },
  },
  {
    name: 'tokens of a text',
    method: 'POST',
    path: '/tokenize',
    body: { model: recordedModel, prompt: 'The river' },
  },
];
