/** What a server said to one request. */
export interface Answer {
  readonly status: number;
  readonly isStream: boolean;
  /** The body of an answer as one object; undefined for a stream and for what is no JSON. */
  readonly body: AnswerBody | undefined;
  /** Events of a stream, `[DONE]` left out. */
  readonly events: readonly AnswerBody[];
  /** The error's own words, or the start of the body. */
  readonly message: string;
}

/** What the judges look at in an answer; every field may be missing, since servers differ. */
export interface AnswerBody {
  readonly choices?: readonly AnswerChoice[];
  readonly usage?: {
    readonly prompt_tokens?: number;
    readonly completion_tokens?: number;
    readonly completion_tokens_details?: {
      readonly accepted_prediction_tokens?: number;
      readonly rejected_prediction_tokens?: number;
    } | null;
  } | null;
  readonly data?: readonly { readonly embedding?: readonly number[] | string }[];
  readonly service_tier?: string | null;
  readonly id?: string;
  readonly [field: string]: unknown;
}

export interface AnswerChoice {
  readonly text?: string;
  readonly finish_reason?: string | null;
  readonly message?: {
    readonly content?: string | null;
    readonly tool_calls?: readonly { readonly function?: { readonly name?: string } }[] | null;
    readonly function_call?: unknown;
    readonly annotations?: readonly unknown[] | null;
    readonly audio?: unknown;
  };
  readonly logprobs?: {
    readonly content?: readonly { readonly top_logprobs?: readonly unknown[] }[] | null;
    readonly tokens?: readonly unknown[] | null;
    readonly top_logprobs?: readonly unknown[] | null;
  } | null;
}

/** Fields of a request. */
export type Fields = Readonly<Record<string, unknown>>;

/** Asks a server, with fields put over those that every probe of the route sends. */
export type Ask = (fields: Fields) => Promise<Answer>;

/** How one parameter is tried. */
export interface Probe {
  readonly route: string;
  readonly name: string;
  /** The value that is sent, as the table shows it. */
  readonly shown: string;
  readonly fields: Fields;
  /**
   * True when the effect is seen in the answer. It may ask again to compare. Missing where a parameter has by its
   * definition no effect that a client could see.
   */
  readonly isHonoured?: (answer: Answer, ask: Ask) => boolean | Promise<boolean>;
  /** The status that is the effect itself: 404 for a model that is not served. */
  readonly honouringStatus?: number;
}

/**
 * What became of a parameter: seen to have its effect; refused; taken without any; taken, with none to be seen; or the
 * server broke off.
 */
export type Verdict = 'honoured' | 'refused' | 'ignored' | 'taken' | 'failed';

/** A verdict, with the words of a refusal. */
export interface Finding {
  readonly verdict: Verdict;
  readonly note: string;
}

/** Text of an answer, of a choice or of a whole stream. */
export function textOf(answer: Answer, choice = 0): string {
  const found = answer.body?.choices?.[choice];
  return found?.message?.content ?? found?.text ?? '';
}

/** Tries one parameter on one server. */
export async function tryProbe(probe: Probe, ask: Ask): Promise<Finding> {
  const answer = await ask(probe.fields);
  if (answer.status === probe.honouringStatus) return { verdict: 'honoured', note: '' };
  if (answer.status >= 400) {
    return { verdict: 'refused', note: `${answer.status}: ${answer.message}` };
  }
  if (probe.isHonoured === undefined) return { verdict: 'taken', note: '' };
  const isHonoured = await probe.isHonoured(answer, ask);
  return { verdict: isHonoured ? 'honoured' : 'ignored', note: '' };
}
