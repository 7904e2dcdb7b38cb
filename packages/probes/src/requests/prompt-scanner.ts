import { createHash, type Hash, hash as hashOf } from 'node:crypto';

const promptKeys: ReadonlySet<string> = new Set(['messages', 'prompt', 'input', 'contents']);
const textCharactersMax = 256;
const quote = 0x22;
const backslash = 0x5c;
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];
const [comma, colon, space] = [0x2c, 0x3a, 0x20];
const hashCharacters = 16;

/**
 * What a body of JSON asks for, read as its bytes pass: the model, whether the answer is streamed, and a hash of the
 * prompt. Nothing of the prompt is kept. How the bytes are cut into pieces does not matter.
 */
export class PromptScanner {
  model: string | undefined;
  isStream = false;
  readonly #hashBytesMax: number;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #isValue = false;
  #key = '';
  #text = '';
  #hasPrompt = false;
  /** Only of a prompt that comes in more than one piece. */
  #hash: Hash | undefined;
  #isHashing = false;
  #hashedBytes = 0;
  #promptHash: string | undefined;
  #isOver = false;

  constructor(hashBytesMax: number) {
    this.#hashBytesMax = hashBytesMax;
  }

  /** The first 16 hexadecimal digits of SHA-256 over the prompt's JSON, or over its first bytes up to the bound. */
  get promptHash(): string | undefined {
    return this.#promptHash;
  }

  feed(bytes: Uint8Array): void {
    let hashFrom = 0;
    for (let at = 0; at < bytes.length && !this.#isOver; at++) {
      const byte = bytes[at] as number;
      if (this.#isInString) {
        this.#inString(byte);
        continue;
      }
      const wasHashing = this.#isHashing;
      this.#outside(byte);
      if (!wasHashing && this.#isHashing) hashFrom = at + 1;
      else if (wasHashing && !this.#isHashing) this.#hashPiece(bytes, { from: hashFrom, to: at });
    }
    if (this.#isHashing) this.#hashPiece(bytes, { from: hashFrom, to: bytes.length });
  }

  /** Bytes passed that were not seen: what follows cannot be told. */
  skip(): void {
    this.#isOver = true;
    this.#isHashing = false;
  }

  #inString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === backslash) this.#isEscaped = true;
    else if (byte === quote) {
      this.#isInString = false;
      return;
    }
    if (this.#depth === 1 && this.#text.length < textCharactersMax) {
      this.#text += String.fromCharCode(byte);
    }
  }

  #outside(byte: number): void {
    if (byte === quote) {
      this.#isInString = true;
      if (this.#depth === 1) this.#text = '';
    } else if (byte === openBrace || byte === openBracket) this.#descend(byte);
    else if (byte === closeBrace || byte === closeBracket) this.#ascend();
    else if (this.#depth === 1) this.#atTop(byte);
    else if (this.#depth === 0 && byte > space) this.#isOver = true;
  }

  #descend(byte: number): void {
    // Only an object has names to look for.
    if (this.#depth === 0 && byte !== openBrace) this.#isOver = true;
    this.#depth++;
  }

  #ascend(): void {
    if (this.#depth === 1) this.#endValue();
    this.#depth--;
    if (this.#depth <= 0) this.#isOver = true;
  }

  #atTop(byte: number): void {
    if (byte === colon && !this.#isValue) this.#beginValue();
    else if (byte === comma) this.#endValue();
    else if (byte > space && this.#isValue && this.#text.length < textCharactersMax) {
      this.#text += String.fromCharCode(byte);
    }
  }

  #beginValue(): void {
    this.#key = this.#text;
    this.#text = '';
    this.#isValue = true;
    if (!promptKeys.has(this.#key) || this.#hasPrompt) return;
    this.#hasPrompt = true;
    this.#isHashing = true;
  }

  #endValue(): void {
    if (this.#isValue && this.#key === 'model' && this.#text !== '') {
      this.model = Buffer.from(this.#text, 'latin1').toString('utf8');
    } else if (this.#isValue && this.#key === 'stream') this.isStream = this.#text === 'true';
    this.#isValue = false;
    this.#text = '';
    this.#isHashing = false;
  }

  #hashPiece(
    bytes: Uint8Array,
    { from, to }: { readonly from: number; readonly to: number },
  ): void {
    const room = this.#hashBytesMax - this.#hashedBytes;
    const piece = bytes.subarray(from, Math.min(to, from + room));
    this.#hashedBytes += piece.length;
    const isWhole = !this.#isHashing || this.#hashedBytes >= this.#hashBytesMax;
    if (this.#promptHash !== undefined) return;
    if (!isWhole || this.#hash !== undefined) {
      this.#hash ??= createHash('sha256');
      this.#hash.update(piece);
    }
    if (!isWhole) return;
    const digits = this.#hash?.digest('hex') ?? hashOf('sha256', piece, 'hex');
    this.#promptHash = digits.slice(0, hashCharacters);
    this.#isHashing = false;
  }
}
