import type { Clock, Timer } from '@millrace/stdx';
import type { BodyEnd, BodySink, BodySource } from '../messages/body.ts';

/** A body that is stopped when it pauses too long, or lasts too long; it has then `stalled`. */
export class TimedBody implements BodySource {
  readonly #source: BodySource;
  readonly #clock: Clock;
  readonly #pieceMsMax: number | undefined;
  readonly #listeners: ((end: BodyEnd) => void)[] = [];
  #sink: BodySink | undefined;
  #pieceTimer: Timer | undefined;
  #end: BodyEnd | undefined;

  /** `leftMs` is what is left of the whole answer's time. */
  constructor(
    source: BodySource,
    clock: Clock,
    limits: { readonly pieceMsMax: number | undefined; readonly leftMs: number | undefined },
  ) {
    this.#source = source;
    this.#clock = clock;
    this.#pieceMsMax = limits.pieceMsMax;
    const { leftMs } = limits;
    const timer = leftMs === undefined ? undefined : clock.after(leftMs, () => this.#stall());
    source.whenOver((end) => {
      timer?.cancel();
      this.#pieceTimer?.cancel();
      this.#close(end);
    });
    this.#wait();
  }

  get byteLength(): number | undefined {
    return this.#source.byteLength;
  }

  pipeTo(sink: BodySink): void {
    this.#sink = sink;
    this.#source.pipeTo({
      write: (piece) => this.#sink?.write(piece),
      flush: () => {
        const mayGoOn = this.#sink?.flush() ?? false;
        // A reader that is slow is no fault of the engine's.
        if (mayGoOn) this.#wait();
        else this.#pieceTimer?.cancel();
        return mayGoOn;
      },
      end: (end) => this.#sink?.end(end),
    });
  }

  resume(): void {
    this.#wait();
    this.#source.resume();
  }

  destroy(): void {
    this.#sink = undefined;
    this.#source.destroy();
  }

  whenOver(listener: (end: BodyEnd) => void): void {
    if (this.#end === undefined) this.#listeners.push(listener);
    else listener(this.#end);
  }

  #wait(): void {
    if (this.#pieceMsMax === undefined || this.#end !== undefined) return;
    this.#pieceTimer?.cancel();
    this.#pieceTimer = this.#clock.after(this.#pieceMsMax, () => this.#stall());
  }

  #stall(): void {
    if (this.#end !== undefined) return;
    const sink = this.#sink;
    this.#sink = undefined;
    this.#close('stalled');
    this.#source.destroy();
    sink?.end('stalled');
  }

  #close(end: BodyEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    for (const listener of this.#listeners) listener(end);
  }
}
