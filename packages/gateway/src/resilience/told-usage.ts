/** What an engine says of an answer's tokens. */
export interface ToldUsage {
  readonly promptTokens: number;
  readonly outputTokens: number | undefined;
  /** Prompt tokens that it took from its cache; `undefined` where it does not say. */
  readonly cachedTokens: number | undefined;
}

/** Engines write their usage at the end of an answer. */
const tailBytes = 2_048;
const nothing = Buffer.alloc(0);
const digitsMax = 9;
const colon = 0x3a;
const quote = 0x22;
const letterC = 0x63;
const letterP = 0x70;
/** So many bytes before the end are looked through one by one. */
const lookedBytes = 512;

const usageName = Buffer.from('"usage"');
const promptName = Buffer.from('"prompt_tokens"');
const outputName = Buffer.from('"completion_tokens"');
const cachedName = Buffer.from('"cached_tokens"');
// llama.cpp tells how it spent its time in every answer.
const timedCachedName = Buffer.from('"cache_n"');
const timedPromptName = Buffer.from('"prompt_n"');

/** Reads the usage of an answer that is no stream of events as it passes. Hot path: once a piece. */
export class AnswerUsage {
  readonly #byteLength: number | undefined;
  #passedBytes = 0;
  #tail = nothing;
  #told: ToldUsage | undefined;

  /** `byteLength` is the answer's, where it is known. */
  constructor(byteLength: number | undefined) {
    this.#byteLength = byteLength;
  }

  push(piece: Buffer): void {
    this.#passedBytes += piece.length;
    const isAllThatCounts = piece.length >= Math.min(tailBytes, this.#passedBytes);
    // Most answers come in one piece, whose end is read where it lies.
    if (this.#passedBytes === this.#byteLength && isAllThatCounts)
      this.#told = toldUsage(piece.length > tailBytes ? piece.subarray(-tailBytes) : piece);
    else this.#tail = Buffer.concat([this.#tail, piece.subarray(-tailBytes)]).subarray(-tailBytes);
  }

  /** What was told, once the answer is whole. */
  get usage(): ToldUsage | undefined {
    return this.#told ?? toldUsage(this.#tail);
  }
}

/**
 * Reads the usage from the last bytes of an answer. The last that is written counts: what a model says may look like one,
 * but stands before it, and quotes in it are escaped.
 */
export function toldUsage(tail: Buffer): ToldUsage | undefined {
  const at = lastUsage(tail);
  const told = at === -1 ? undefined : usageFrom(tail, at + usageName.length);
  if (told !== undefined) return told;
  const promptTokens = lastNumber(tail, promptName);
  if (promptTokens !== undefined) {
    return {
      promptTokens,
      outputTokens: lastNumber(tail, outputName),
      cachedTokens: lastNumber(tail, cachedName) ?? lastNumber(tail, timedCachedName),
    };
  }
  const cachedTokens = lastNumber(tail, timedCachedName);
  const computedTokens = lastNumber(tail, timedPromptName);
  if (cachedTokens === undefined || computedTokens === undefined) return undefined;
  return { promptTokens: cachedTokens + computedTokens, outputTokens: undefined, cachedTokens };
}

/** Where the name of the usage stands last. It mostly is in the last bytes, where looking costs less than a call does. */
function lastUsage(tail: Buffer): number {
  const last = tail.length - usageName.length;
  const looked = Math.max(0, last - lookedBytes);
  for (let at = last; at >= looked; at--)
    if (tail[at] === quote && startsAt(tail, at, usageName)) return at;
  return looked === 0 ? -1 : tail.lastIndexOf(usageName, looked - 1);
}

/** All numbers that count in one way through what follows the name of the usage: a search for each costs as much as this. */
function usageFrom(bytes: Buffer, from: number): ToldUsage | undefined {
  let promptTokens: number | undefined;
  let outputTokens: number | undefined;
  let cachedTokens: number | undefined;
  let timedTokens: number | undefined;
  const { length } = bytes;
  for (let at = from; at < length; at++) {
    if (bytes[at] !== quote) continue;
    const name = nameAt(bytes, at);
    if (name === undefined) continue;
    const value = numberAfterColon(bytes, at + name.length);
    if (name === promptName) promptTokens = value ?? promptTokens;
    else if (name === outputName) outputTokens = value;
    else if (name === cachedName) cachedTokens = value;
    else timedTokens = value;
    at += name.length - 1;
  }
  if (promptTokens === undefined) return undefined;
  return { promptTokens, outputTokens, cachedTokens: cachedTokens ?? timedTokens };
}

/** Which of the names that count stands behind a quote. */
function nameAt(bytes: Buffer, at: number): Buffer | undefined {
  const letter = bytes[at + 1];
  if (letter === letterP) return startsAt(bytes, at, promptName) ? promptName : undefined;
  if (letter !== letterC) return undefined;
  if (startsAt(bytes, at, outputName)) return outputName;
  if (startsAt(bytes, at, cachedName)) return cachedName;
  return startsAt(bytes, at, timedCachedName) ? timedCachedName : undefined;
}

function startsAt(bytes: Buffer, at: number, name: Buffer): boolean {
  for (let each = 1; each < name.length; each++) if (bytes[at + each] !== name[each]) return false;
  return true;
}

/** The number of the last member of this name that has one. */
function lastNumber(bytes: Buffer, name: Buffer): number | undefined {
  for (let at = bytes.lastIndexOf(name); at !== -1; at = bytes.lastIndexOf(name, at - 1)) {
    const value = numberAfterColon(bytes, at + name.length);
    if (value !== undefined || at === 0) return value;
  }
  return undefined;
}

function numberAfterColon(bytes: Buffer, from: number): number | undefined {
  let at = skipSpace(bytes, from);
  if (bytes[at] !== colon) return undefined;
  at = skipSpace(bytes, at + 1);
  const start = at;
  let value = 0;
  for (; at - start < digitsMax && isDigit(bytes[at]); at++)
    value = value * 10 + (bytes[at] as number) - 0x30;
  return at === start ? undefined : value;
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0a || bytes[at] === 0x0d) at++;
  return at;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
