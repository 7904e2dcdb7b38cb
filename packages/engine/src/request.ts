import type { SamplerOptions } from '@millrace/llama';

/** What a client wants generated. */
export interface GenerationRequest {
  readonly id: string;
  /** Token ids, complete: the chat template is applied, special tokens are in. */
  readonly prompt: Int32Array;
  /** At least 1; less is generated when the context ends first. */
  readonly maxTokens: number;
  /** Independent answers to the one prompt, which is computed once. */
  readonly choiceCount: number;
  readonly sampling: SamplerOptions;
  /** Generation ends before the first of these; it is not part of the answer. */
  readonly stop: readonly string[];
  /** True: tokens that end generation are never chosen. */
  readonly ignoreEos: boolean;
  readonly logprobs?: { readonly topCount: number };
  /** Smaller is more urgent; 0 is usual. */
  readonly priority: number;
  /** From submission; past it the request fails with reason `deadline`. */
  readonly deadlineMs?: number;
  /** Whose request it is; '' when nobody's. Keeps caches apart where the engine isolates tenants. */
  readonly tenant: string;
}

/** What becomes of a request, in order: `started`, texts, one `choice-finished` a choice, `finished`; or `failed`, at any time. */
export type GenerationEvent =
  | { readonly kind: 'started'; readonly promptTokens: number; readonly cachedTokens: number }
  | {
      readonly kind: 'text';
      readonly choiceIndex: number;
      /** Whole characters; what could still become a stop string is withheld. */
      readonly text: string;
      /** Empty unless logprobs were asked for. */
      readonly tokens: readonly GeneratedToken[];
    }
  | {
      readonly kind: 'choice-finished';
      readonly choiceIndex: number;
      readonly reason: 'stop' | 'length';
      /** The stop string that was met, or the token that ended it where that is not the vocabulary's end of text. */
      readonly stop?: string | number;
    }
  | { readonly kind: 'finished'; readonly usage: Usage }
  | { readonly kind: 'failed'; readonly reason: FailureReason; readonly message: string };

/** Why a request failed after it was accepted. */
export type FailureReason = 'cancelled' | 'deadline' | 'engine';

/** One generated token with its probabilities. */
export interface GeneratedToken extends TokenLogprob {
  /** The most probable tokens at its place, best first. */
  readonly top: readonly TokenLogprob[];
}

/** A token and its natural-log probability in the model's own distribution, before temperature and penalties. */
export interface TokenLogprob {
  readonly token: number;
  readonly bytes: Uint8Array;
  readonly logprob: number;
}

/** Tokens that a request used. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Prompt tokens whose keys and values were taken from a cache. */
  readonly cachedTokens: number;
}

/** The engine's answer to a request. */
export type Submission =
  | { readonly kind: 'accepted'; readonly generation: Generation }
  | RejectedSubmission;

/** Why a request was not accepted. */
export type RejectedSubmission =
  | {
      readonly kind: 'rejected';
      readonly reason: 'queue-full';
      readonly retryAfterMs: number;
      readonly limit: number;
    }
  | {
      readonly kind: 'rejected';
      readonly reason: 'prompt-too-long';
      readonly promptTokens: number;
      readonly limit: number;
    }
  | { readonly kind: 'rejected'; readonly reason: 'draining' }
  | { readonly kind: 'rejected'; readonly reason: 'grammar-invalid'; readonly message: string };

/** An accepted request: its events, once. Disposing it cancels what is not finished. */
export interface Generation extends AsyncIterable<GenerationEvent>, Disposable {
  cancel(): void;
}
