// Hot path: once a piece of every answer. Two objects an answer: this and its reader.
import type { StreamWatcher } from '@millrace/openai';
import type { Clock } from '@millrace/stdx';
import type { BodyEnd } from '../messages/body.ts';
import type { Leave } from '../resilience/circuit-table.ts';
import type { Resilience } from '../resilience/resilience.ts';
import { AnswerUsage, type ToldUsage } from '../resilience/told-usage.ts';
import type { BodyWatcher } from '../resilience/watched-body.ts';
import type { Dispatch } from './dispatch.ts';

/** A request that an endpoint has. */
export interface TryStep {
  readonly dispatch: Dispatch;
  readonly leave: Exclude<Leave, 'refused'>;
  readonly startedAtMs: number;
}

/** What a watch needs beside its step. */
export interface TryWatchParts {
  readonly clock: Clock;
  readonly resilience: Resilience;
  readonly release: (dispatch: Dispatch) => void;
  /** Reads the answer's events, where it is a stream of them. */
  readonly events: StreamWatcher | undefined;
  readonly byteLength: number | undefined;
}

/** Takes from an answer that passes what it shows about its endpoint. */
export class TryWatch implements BodyWatcher {
  readonly #step: TryStep;
  readonly #parts: TryWatchParts;
  readonly #reader: StreamWatcher | AnswerUsage;
  #isShown = false;

  constructor(step: TryStep, parts: TryWatchParts) {
    this.#step = step;
    this.#parts = parts;
    this.#reader = parts.events ?? new AnswerUsage(parts.byteLength);
  }

  onFirst(): void {
    const { resilience, clock, events } = this.#parts;
    const { dispatch, leave, startedAtMs } = this.#step;
    const { index } = dispatch.endpoint;
    this.#isShown = true;
    dispatch.noteAnswered();
    if (events !== undefined) resilience.noteFirstPiece(index, clock.nowMs() - startedAtMs);
    resilience.circuits.end(index, leave, 'success');
  }

  onPiece(piece: Buffer): void {
    this.#reader.push(piece);
  }

  onOver(end: BodyEnd): void {
    const { clock, release } = this.#parts;
    const { dispatch, startedAtMs } = this.#step;
    this.#noteShown(end);
    if (end === 'whole') {
      const usage = this.#usage();
      if (usage !== undefined) dispatch.noteUsage(usage);
      dispatch.noteWhole(clock.nowMs() - startedAtMs, usage);
    }
    release(dispatch);
  }

  #noteShown(end: BodyEnd): void {
    const { circuits } = this.#parts.resilience;
    const { dispatch, leave } = this.#step;
    const { index } = dispatch.endpoint;
    if (end === 'died' || end === 'stalled')
      return circuits.end(index, this.#isShown ? 'open-way' : leave, 'failure');
    if (this.#isShown) return;
    if (end === 'whole') dispatch.noteAnswered();
    circuits.end(index, leave, end === 'whole' ? 'success' : 'unknown');
  }

  #usage(): ToldUsage | undefined {
    const reader = this.#reader;
    if (reader instanceof AnswerUsage) return reader.usage;
    const { promptTokens, completionTokens, cachedTokens } = reader.usage ?? {};
    if (promptTokens === undefined) return undefined;
    return { promptTokens, outputTokens: completionTokens, cachedTokens };
  }
}
