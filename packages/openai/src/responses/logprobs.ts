/** A token with its natural-log probability. */
export interface TokenLogprob {
  readonly bytes: Uint8Array;
  readonly logprob: number;
}

/** A generated token with the most probable ones at its place, best first. */
export interface TokenChoice extends TokenLogprob {
  readonly top: readonly TokenLogprob[];
}

interface ChatLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[];
}

/** Logprobs as a chat completion has them. */
export interface ChatLogprobsBody {
  readonly content: readonly (ChatLogprob & { readonly top_logprobs: readonly ChatLogprob[] })[];
  readonly refusal: null;
}

/** Logprobs as a completion has them. */
export interface CompletionLogprobsBody {
  readonly tokens: readonly string[];
  readonly token_logprobs: readonly number[];
  readonly top_logprobs: readonly Readonly<Record<string, number>>[];
  readonly text_offset: readonly number[];
}

/** JSON has no infinity; OpenAI writes this for what is impossible. */
const logprobLeast = -9999;

export function chatLogprobs(tokens: readonly TokenChoice[]): ChatLogprobsBody {
  return {
    content: tokens.map((token) => ({
      ...chatLogprob(token),
      top_logprobs: token.top.map(chatLogprob),
    })),
    refusal: null,
  };
}

/** `offset` is the length in characters of what precedes the first token. */
export function completionLogprobs(
  tokens: readonly TokenChoice[],
  offset: number,
): CompletionLogprobsBody {
  const texts = tokens.map(({ bytes }) => textOf(bytes));
  let end = offset;
  return {
    tokens: texts,
    token_logprobs: tokens.map(({ logprob }) => written(logprob)),
    top_logprobs: tokens.map(({ top }) =>
      Object.fromEntries(top.map(({ bytes, logprob }) => [textOf(bytes), written(logprob)])),
    ),
    text_offset: texts.map((text) => {
      const start = end;
      end += text.length;
      return start;
    }),
  };
}

function chatLogprob({ bytes, logprob }: TokenLogprob): ChatLogprob {
  return { token: textOf(bytes), logprob: written(logprob), bytes: [...bytes] };
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function written(logprob: number): number {
  return Number.isFinite(logprob) ? logprob : logprobLeast;
}
