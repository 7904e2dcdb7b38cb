import type { PrefixChain } from './prefix-index/prefix-hasher.ts';

/** What a decision must know of a request; plain, so that a record of it can be kept. */
export interface RequestFacts {
  readonly model: string;
  readonly promptTokens: number;
  readonly outputTokensMax: number;
  /** Models that the tenant may use; absent where there is no such rule. */
  readonly modelsAllowed?: readonly string[] | undefined;
  /** Endpoints, by id, that may answer; absent where all may. */
  readonly subset?: readonly string[] | undefined;
  readonly qualityTierMin?: number | undefined;
  /** Engines that suit the request, the best first; absent where none is better. */
  readonly enginesPreferred?: readonly string[] | undefined;
  /** 32 bits by which requests of one session are known; absent where they need not stay together. */
  readonly sessionHash?: number | undefined;
}

/** A request to be routed. */
export interface RouteRequest extends RequestFacts {
  /** The prompt's blocks; absent where prefixes are not to count. */
  readonly chain?: PrefixChain;
  /** Prompt tokens in a block, estimated. */
  readonly tokensPerBlock?: number;
  /** The prompt's blocks by their tokens, where those are known. */
  readonly exact?: { readonly chain: PrefixChain; readonly blockSize: number } | undefined;
}
