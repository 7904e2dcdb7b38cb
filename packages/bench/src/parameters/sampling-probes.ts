import {
  type Answer,
  type AnswerChoice,
  type Ask,
  type Fields,
  type Probe,
  textOf,
} from './probe.ts';

/** A token of the default model's vocabulary that no greedy answer begins with. */
const oddToken = '1000';
/** Draws that are nearly even over the vocabulary: what narrows them shows. */
const wild = { temperature: 2, seed: 7 };
/** So many draws of one token each, by seeds of their own. */
const draws = 6;
/** Of tokens that share the best logit any may be drawn. */
const equalsMax = 2;

/** What both routes of generated text take. */
export function samplingProbes(route: string): readonly Probe[] {
  const named = (probe: Omit<Probe, 'route'>): Probe => ({ route, ...probe });
  return [...drawing(), ...shaping(), ...streaming(), ...extensions()].map(named);
}

function drawing(): readonly Omit<Probe, 'route'>[] {
  return [
    { name: 'temperature', shown: '2', fields: { temperature: 2, seed: 7 }, isHonoured: differs },
    {
      name: 'top_p',
      shown: '0.0001',
      fields: { ...wild, top_p: 0.0001 },
      isHonoured: narrows({ top_p: 0.0001 }),
    },
    { name: 'seed', shown: '7, twice, and 8', fields: wild, isHonoured: repeatsBySeed },
    {
      name: 'frequency_penalty',
      shown: '2',
      fields: { frequency_penalty: 2, ...long },
      isHonoured: differsWhenLong,
    },
    {
      name: 'presence_penalty',
      shown: '2',
      fields: { presence_penalty: 2, ...long },
      isHonoured: differsWhenLong,
    },
    {
      name: 'logit_bias',
      shown: `{"${oddToken}": 100}`,
      fields: { logit_bias: { [oddToken]: 100 } },
      isHonoured: differs,
    },
    {
      name: 'temperature',
      shown: '"hot"',
      fields: { temperature: 'hot' },
      isHonoured: () => false,
    },
    { name: 'temprature', shown: '0.5', fields: { temprature: 0.5 }, isHonoured: () => false },
  ];
}

/** Long enough that a model repeats itself, which is what penalties act on. */
const long = { max_tokens: 64 };

function shaping(): readonly Omit<Probe, 'route'>[] {
  return [
    {
      name: 'model',
      shown: 'a name that is not served',
      fields: { model: 'no-such-model' },
      honouringStatus: 404,
      isHonoured: () => false,
    },
    {
      name: 'max_tokens',
      shown: '5',
      fields: { max_tokens: 5 },
      isHonoured: isCutAfter(5),
    },
    {
      name: 'n',
      shown: '2',
      fields: { n: 2, temperature: 1 },
      isHonoured: (answer) => choices(answer).length === 2,
    },
    { name: 'stop', shown: 'a word of the answer', fields: {}, isHonoured: stopsAtWord },
    { name: 'user', shown: '"u1"', fields: { user: 'u1' } },
  ];
}

function streaming(): readonly Omit<Probe, 'route'>[] {
  const usageIn = (answer: Answer): boolean =>
    answer.events.some(({ usage }) => (usage?.completion_tokens ?? 0) > 0);
  return [
    {
      name: 'stream',
      shown: 'true',
      fields: { stream: true },
      isHonoured: ({ isStream }) => isStream,
    },
    {
      name: 'stream_options',
      shown: '{"include_usage": true}',
      fields: { stream: true, stream_options: { include_usage: true } },
      isHonoured: usageIn,
    },
    {
      name: 'stream_options',
      shown: '{"include_obfuscation": true}',
      fields: { stream: true, stream_options: { include_obfuscation: true } },
      isHonoured: (answer) => answer.events.some((event) => 'obfuscation' in event),
    },
  ];
}

/** The default model's end of text is made so likely that an answer ends at once, if it may. */
const ending = { logit_bias: { '2': 100 }, max_tokens: 20 };

/** Not OpenAI's: what clients of llama.cpp and of vLLM send. */
function extensions(): readonly Omit<Probe, 'route'>[] {
  return [
    { name: 'top_k', shown: '1', fields: { ...wild, top_k: 1 }, isHonoured: narrows({ top_k: 1 }) },
    { name: 'min_p', shown: '1', fields: { ...wild, min_p: 1 }, isHonoured: narrows({ min_p: 1 }) },
    {
      name: 'repetition_penalty',
      shown: '2',
      fields: { repetition_penalty: 2, ...long },
      isHonoured: differsWhenLong,
    },
    {
      name: 'repeat_penalty',
      shown: '2',
      fields: { repeat_penalty: 2, ...long },
      isHonoured: differsWhenLong,
    },
    {
      name: 'ignore_eos',
      shown: 'true',
      fields: { ...ending, ignore_eos: true },
      isHonoured: isCutAfter(ending.max_tokens),
    },
    {
      name: 'min_tokens',
      shown: '20',
      fields: { ...ending, min_tokens: 20 },
      isHonoured: isCutAfter(ending.max_tokens),
    },
    {
      name: 'grammar',
      shown: 'root ::= "yes"',
      fields: { grammar: 'root ::= "yes"' },
      isHonoured: (answer) => textOf(answer).trim() === 'yes',
    },
    {
      name: 'structured_outputs',
      shown: '{"choice": ["yes"]}',
      fields: { structured_outputs: { choice: ['yes'] } },
      isHonoured: (answer) => textOf(answer).trim() === 'yes',
    },
    {
      name: 'deadline_ms',
      shown: '1',
      fields: { deadline_ms: 1, max_tokens: 200 },
      honouringStatus: 504,
      isHonoured: () => false,
    },
  ];
}

export function choices(answer: Answer): readonly AnswerChoice[] {
  return answer.body?.choices ?? [];
}

export function isCutAfter(tokens: number): (answer: Answer) => boolean {
  return (answer) =>
    answer.body?.usage?.completion_tokens === tokens &&
    choices(answer)[0]?.finish_reason === 'length';
}

async function differs(answer: Answer, ask: Ask): Promise<boolean> {
  return textOf(answer) !== textOf(await ask({}));
}

async function differsWhenLong(answer: Answer, ask: Ask): Promise<boolean> {
  return textOf(answer) !== textOf(await ask(long));
}

/** Draws of a first token nearly all differ when they are open, and hardly do when they are narrowed to the best. */
function narrows(fields: Fields): NonNullable<Probe['isHonoured']> {
  return async (_answer, ask) => {
    const drawn = async (more: Fields): Promise<number> => {
      const texts = new Set<string>();
      for (let seed = 1; seed <= draws; seed++)
        texts.add(textOf(await ask({ ...wild, ...more, seed, max_tokens: 1 })));
      return texts.size;
    };
    return (await drawn(fields)) <= equalsMax && (await drawn({})) > equalsMax;
  };
}

async function repeatsBySeed(answer: Answer, ask: Ask): Promise<boolean> {
  const again = textOf(await ask(wild));
  const other = textOf(await ask({ ...wild, seed: 8 }));
  return textOf(answer) === again && again !== other;
}

async function stopsAtWord(answer: Answer, ask: Ask): Promise<boolean> {
  const word = textOf(answer).trim().split(/\s+/)[3] ?? '';
  const stopped = textOf(await ask({ stop: [word] }));
  return word !== '' && !stopped.includes(word) && textOf(answer).startsWith(stopped);
}
