/** What has come of a streamed answer. */
export interface AnswerSoFar {
  /** Text of the answer, without what was only thought. */
  readonly text: string;
  /** Events that brought text: about one a token. */
  readonly chunks: number;
  /** The object of the first event without its choices and usage: what every event of the stream repeats. */
  readonly head: Readonly<Record<string, unknown>>;
  readonly isFinished: boolean;
  readonly isDone: boolean;
  /** Why no other engine could go on from here. */
  readonly obstacle: string | undefined;
}

/** Nothing has come yet. */
export const noAnswer: AnswerSoFar = {
  text: '',
  chunks: 0,
  head: {},
  isFinished: false,
  isDone: false,
  obstacle: undefined,
};

type Fields = Readonly<Record<string, unknown>>;

/** The answer with one more event. */
export function withEvent(
  answer: AnswerSoFar,
  text: string,
  bounds: { readonly textLengthMax: number },
): AnswerSoFar {
  if (text === '[DONE]') return { ...answer, isDone: true };
  const chunk = fieldsOf(parsed(text));
  if (chunk === undefined) return { ...answer, obstacle: 'an event is no JSON object' };
  if (chunk['error'] !== undefined) return { ...answer, obstacle: 'the engine sent an error' };
  const { choices, usage: _usage, ...head } = chunk;
  const opened = Object.keys(answer.head).length === 0 ? { ...answer, head } : answer;
  if (!Array.isArray(choices) || choices.length === 0) return opened;
  const choice = fieldsOf(choices[0]);
  const obstacle = opened.obstacle ?? obstacleIn(choice, choices.length);
  if (choice === undefined || obstacle !== undefined) return { ...opened, obstacle };
  return withChoice(opened, choice, bounds.textLengthMax);
}

function withChoice(answer: AnswerSoFar, choice: Fields, textLengthMax: number): AnswerSoFar {
  const piece = textOf(choice);
  const text = answer.text + piece;
  return {
    ...answer,
    text,
    chunks: answer.chunks + (piece === '' ? 0 : 1),
    isFinished: answer.isFinished || typeof choice['finish_reason'] === 'string',
    obstacle: text.length > textLengthMax ? 'the answer is longer than what is kept' : undefined,
  };
}

/** What one choice of an event says, whichever API it belongs to. */
export function textOf(choice: Fields): string {
  const text = choice['text'] ?? fieldsOf(choice['delta'])?.['content'];
  return typeof text === 'string' ? text : '';
}

/** What a delta may hold that no prompt carries back into an engine. */
const notReplayed = ['tool_calls', 'function_call', 'reasoning_content', 'reasoning', 'audio'];

function obstacleIn(choice: Fields | undefined, choiceCount: number): string | undefined {
  if (choice === undefined) return 'a choice is no object';
  if (choiceCount > 1 || (choice['index'] ?? 0) !== 0) return 'there are several choices';
  const delta = fieldsOf(choice['delta']);
  const held = notReplayed.find((name) => !isEmpty(delta?.[name]));
  return held === undefined ? undefined : `it has "${held}"`;
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === undefined || value === null || value === '';
}

/** The fields of an object; `undefined` for all that is none. */
export function fieldsOf(value: unknown): Fields | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Fields) : undefined;
}

/** JSON, or `undefined` where the text is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
