import type { Prng } from '@millrace/stdx';
import { CallObjectReader, isBlank } from './call-object-reader.ts';
import type { ToolPlan } from './prepare-tools.ts';
import { type ToolFormSyntax, toolForms } from './tool-form.ts';

/** What an answer's text turns out to be. */
export type ToolEvent =
  | { readonly kind: 'content'; readonly text: string }
  | {
      readonly kind: 'call-start';
      readonly index: number;
      readonly id: string;
      readonly name: string;
    }
  | { readonly kind: 'call-arguments'; readonly index: number; readonly fragment: string }
  | { readonly kind: 'call-end'; readonly index: number };

/** A call whose name is not known after so many characters is text. */
const heldCharactersMax = 16_384;
const idLength = 24;
const idCharacters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** What an object without a marker begins with, when it is a call. */
const bareFirstKeys: ReadonlySet<string> = new Set(['name', 'type']);

type State = 'start' | 'content' | 'opening' | 'object' | 'closing' | 'complete';

/**
 * Tells calls from text in an answer that comes in pieces; the events do not depend on how it was cut. A call begins
 * at its form's marker, or bare at the start of the answer, and counts once it names a tool of the plan. What looked
 * like a call and is none is content, character by character. Blanks around calls are dropped. Where the plan allows
 * no further call the rest is dropped, and `isComplete` says that no more need be generated.
 */
export class ToolCallParser {
  readonly #plan: ToolPlan;
  readonly #syntax: ToolFormSyntax;
  readonly #prng: Prng;
  #state: State = 'start';
  /** Text not yet told, from the marker on while a call is being read. */
  #held = '';
  /** Up to here `held` has been looked at. */
  #at = 0;
  #markerLength = 0;
  #isInList = false;
  #reader = new CallObjectReader();
  #callCount = 0;
  /** Arguments read before the call counted; undefined afterwards. */
  #argumentsAhead: string | undefined = '';
  #events: ToolEvent[] = [];

  constructor(plan: ToolPlan, prng: Prng) {
    this.#plan = plan;
    this.#syntax = toolForms[plan.form];
    this.#prng = prng;
    if (plan.names.size === 0) this.#state = 'content';
  }

  /** True when the answer holds all the calls that it may. */
  get isComplete(): boolean {
    return this.#state === 'complete';
  }

  get callCount(): number {
    return this.#callCount;
  }

  push(text: string): readonly ToolEvent[] {
    if (this.#plan.names.size === 0) return text === '' ? [] : [{ kind: 'content', text }];
    this.#held += text;
    while (this.#step()) continue;
    return this.#takeEvents();
  }

  /** Tells the rest when the answer is over. */
  end(): readonly ToolEvent[] {
    const isCutWithin = this.#state === 'object' && this.#argumentsAhead === undefined;
    const isCutBehind = this.#state === 'closing' && this.#isPartOf(this.#syntax.closer, 0);
    if (isCutWithin) this.#events.push({ kind: 'call-end', index: this.#callCount - 1 });
    else if (!isCutBehind) this.#tell(this.#held);
    this.#held = '';
    this.#state = 'complete';
    return this.#takeEvents();
  }

  #takeEvents(): readonly ToolEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** Goes on where the state says; false when there is nothing to do before more text comes. */
  #step(): boolean {
    switch (this.#state) {
      case 'start':
        return this.#stepStart();
      case 'content':
        return this.#stepContent();
      case 'opening':
        return this.#stepOpening();
      case 'object':
        return this.#stepObject();
      case 'closing':
        return this.#stepClosing();
      case 'complete':
        this.#held = '';
        return false;
    }
  }

  /** At the start of the answer and after a call an object may stand without its marker. */
  #stepStart(): boolean {
    if (this.#callCount > 0) this.#held = this.#held.slice(this.#skipBlanks(0));
    const next = this.#skipBlanks(0);
    const character = this.#held[next];
    if (character === undefined) return false;
    this.#markerLength = 0;
    this.#at = next;
    const isOpener = character === '{' || character === this.#syntax.listOpener;
    this.#state = isOpener && this.#plan.takesBareCalls ? 'opening' : 'content';
    return true;
  }

  #stepContent(): boolean {
    const { marker } = this.#syntax;
    const found = this.#held.indexOf(marker);
    if (found < 0) {
      const safe = this.#safeLength();
      this.#tell(this.#held.slice(0, safe));
      this.#held = this.#held.slice(safe);
      return false;
    }
    const before = trimEnd(this.#held.slice(0, found));
    this.#tell(before);
    this.#held = this.#held.slice(before.length);
    this.#markerLength = found - before.length + marker.length;
    this.#at = this.#markerLength;
    this.#state = 'opening';
    return true;
  }

  /** Waits for the `{` of a call, and for the `[` of a list where the form has one. */
  #stepOpening(): boolean {
    this.#at = this.#skipBlanks(this.#at);
    const character = this.#held[this.#at];
    if (character === undefined) return false;
    if (character === this.#syntax.listOpener && !this.#isInList) {
      this.#isInList = true;
      this.#at++;
      return true;
    }
    if (character !== '{') return this.#fallBack();
    this.#at++;
    this.#reader = new CallObjectReader(this.#markerLength === 0 ? bareFirstKeys : undefined);
    this.#argumentsAhead = '';
    this.#state = 'object';
    return true;
  }

  #stepObject(): boolean {
    const reader = this.#reader;
    let argumentsFrom = this.#at;
    let argumentsTo = this.#at;
    while (this.#at < this.#held.length && reader.status === 'open' && !this.#isTooLong) {
      reader.take(this.#held[this.#at] ?? '');
      this.#at++;
      if (!reader.isArgumentsCharacter) continue;
      if (argumentsTo !== this.#at - 1) argumentsFrom = this.#at - 1;
      argumentsTo = this.#at;
    }
    this.#passArguments(this.#held.slice(argumentsFrom, argumentsTo));
    return this.#judgeObject();
  }

  #passArguments(fragment: string): void {
    if (this.#argumentsAhead === undefined) this.#tellArguments(fragment);
    else this.#argumentsAhead += fragment;
  }

  get #isTooLong(): boolean {
    return this.#reader.name === undefined && this.#at >= heldCharactersMax;
  }

  #judgeObject(): boolean {
    const { status, isArgumentsCharacter } = this.#reader;
    if (this.#argumentsAhead !== undefined) {
      const verdict = this.#judgeCall(this.#argumentsAhead);
      if (verdict === 'no-call') return this.#fallBack();
      if (verdict === 'undecided') return false;
      this.#startCall(this.#argumentsAhead);
    }
    // What broke the object off, such as the closing marker where "}" was left out, is still to be read.
    const end = status === 'broken' && !isArgumentsCharacter ? this.#at - 1 : this.#at;
    this.#held = this.#held.slice(end);
    this.#at = 0;
    if (status === 'open') return false;
    this.#events.push({ kind: 'call-end', index: this.#callCount - 1 });
    this.#state = this.#isFull ? 'complete' : 'closing';
    return true;
  }

  #judgeCall(argumentsAhead: string): 'call' | 'no-call' | 'undecided' {
    const { status, name } = this.#reader;
    if (name === undefined) return status === 'open' && !this.#isTooLong ? 'undecided' : 'no-call';
    if (!this.#plan.names.has(name)) return 'no-call';
    if (status === 'complete' || argumentsAhead.startsWith('{')) return 'call';
    return status === 'open' ? 'undecided' : 'no-call';
  }

  #startCall(argumentsAhead: string): void {
    const index = this.#callCount++;
    this.#events.push({
      kind: 'call-start',
      index,
      id: this.#newId(),
      name: this.#reader.name ?? '',
    });
    this.#argumentsAhead = undefined;
    this.#tellArguments(
      argumentsAhead.startsWith('{') ? argumentsAhead : argumentsOf(argumentsAhead),
    );
  }

  /** After a call's object: the closing marker, a further call of the list, or what comes next. */
  #stepClosing(): boolean {
    const { closer, listCloser } = this.#syntax;
    this.#held = this.#held.slice(this.#skipBlanks(0));
    const [character] = this.#held;
    if (character === undefined || this.#isPartOf(closer, 0)) return false;
    if (this.#isInList && character === ',') {
      this.#at = 1;
      this.#markerLength = 1;
      this.#state = 'opening';
      return true;
    }
    const isSeparator = this.#plan.form === 'llama' && character === ';';
    if (closer !== '' && this.#held.startsWith(closer))
      this.#held = this.#held.slice(closer.length);
    else if (isSeparator || (this.#isInList && character === listCloser))
      this.#held = this.#held.slice(1);
    this.#isInList = false;
    this.#state = 'start';
    return true;
  }

  get #isFull(): boolean {
    return this.#callCount >= this.#plan.callsMax;
  }

  /** It was no call: the marker is text, and what follows it is looked at again. */
  #fallBack(): boolean {
    this.#tell(this.#held.slice(0, this.#markerLength));
    this.#held = this.#held.slice(this.#markerLength);
    this.#at = 0;
    this.#isInList = false;
    this.#state = 'content';
    return true;
  }

  /** How much of the held text can be told: all but blanks and what could begin a marker at its end. */
  #safeLength(): number {
    const { marker } = this.#syntax;
    let safe = this.#held.length;
    for (let from = Math.max(0, safe - marker.length + 1); from < this.#held.length; from++) {
      if (!this.#isPartOf(marker, from)) continue;
      safe = from;
      break;
    }
    return trimEnd(this.#held.slice(0, safe)).length;
  }

  /** True when the held text from `from` on is a beginning of `word`, and not all of it. */
  #isPartOf(word: string, from: number): boolean {
    const rest = this.#held.length - from;
    return rest < word.length && word.startsWith(this.#held.slice(from));
  }

  #skipBlanks(from: number): number {
    let at = from;
    while (at < this.#held.length && isBlank(this.#held[at] ?? '')) at++;
    return at;
  }

  #tell(text: string): void {
    if (text !== '') this.#events.push({ kind: 'content', text });
  }

  #tellArguments(fragment: string): void {
    if (fragment === '') return;
    this.#events.push({ kind: 'call-arguments', index: this.#callCount - 1, fragment });
  }

  #newId(): string {
    let id = 'call_';
    for (let count = 0; count < idLength; count++) {
      id += idCharacters[this.#prng.below(idCharacters.length)] ?? '';
    }
    return id;
  }
}

/** Arguments that were no object: JSON within a string is taken out, nothing at all is no arguments. */
function argumentsOf(written: string): string {
  if (written === '' || written === 'null') return '{}';
  if (!written.startsWith('"')) return written;
  try {
    return String(JSON.parse(written));
  } catch {
    return written;
  }
}

function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isBlank(text[end - 1] ?? '')) end--;
  return text.slice(0, end);
}
