import { appendFileSync, statSync } from 'node:fs';
import type { DecisionRecorder } from '@millrace/gateway';
import type { DecisionRecord } from '@millrace/routing';

/** Where records of decisions go. */
export interface DecisionLogOptions {
  readonly file: string;
  readonly share: number;
  readonly bytesMax: number;
}

/**
 * Writes a share of all decisions to a file, one JSON object a line, up to a bound that all who write to it keep together.
 * A file that cannot be written to is left as it is: requests do not depend on it.
 */
export class DecisionLog implements DecisionRecorder {
  readonly share: number;
  readonly #options: DecisionLogOptions;
  #isOver = false;

  constructor(options: DecisionLogOptions) {
    this.#options = options;
    this.share = options.share;
  }

  note(record: DecisionRecord): void {
    if (this.#isOver) return;
    const { file, bytesMax } = this.#options;
    try {
      const line = `${JSON.stringify(record)}\n`;
      const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
      if (bytes + Buffer.byteLength(line) > bytesMax) this.#isOver = true;
      else appendFileSync(file, line);
    } catch {
      this.#isOver = true;
    }
  }
}
