import type { TestEvent } from 'node:test/reporters';

const shownReasonsMax = 40;
const totalForm = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;

type Diagnostic = Extract<TestEvent, { type: 'test:diagnostic' }>;

/** What one or several runs came to. */
export class Tally {
  readonly #totals = new Map<string, number>();
  readonly #skipped = new Map<string, number>();
  #last: Diagnostic | undefined;
  #ran = 0;
  #failed = 0;

  get ran(): number {
    return this.#ran;
  }

  get failed(): number {
    return this.#failed;
  }

  get skippedReasons(): readonly string[] {
    return [...this.#skipped.keys()];
  }

  /** Counts an event; returns whether it belongs into the report as it is. */
  add(event: TestEvent): boolean {
    if (event.type === 'test:pass' || event.type === 'test:fail') this.#addResult(event);
    if (event.type !== 'test:diagnostic' || event.data.nesting !== 0) return true;
    const [, name, amount] = totalForm.exec(event.data.message) ?? [];
    if (name === undefined) return true;
    this.#totals.set(name, (this.#totals.get(name) ?? 0) + Number(amount));
    this.#last = event;
    return false;
  }

  /** The totals of all runs, as events for a reporter. */
  totals(): readonly TestEvent[] {
    const last = this.#last;
    if (last === undefined) return [];
    return Array.from(this.#totals, ([name, amount]) => ({
      ...last,
      data: { ...last.data, message: `${name} ${amount}` },
    }));
  }

  /** The reasons for which tests were skipped, each with how many. */
  describeSkips(): string {
    const lines = Array.from(this.#skipped, ([reason, count]) => `  ${count} × ${reason}\n`);
    const hidden = lines.length - shownReasonsMax;
    const rest = hidden > 0 ? `  and ${hidden} more reasons\n` : '';
    return lines.length === 0
      ? ''
      : `\nSkipped:\n${lines.slice(0, shownReasonsMax).join('')}${rest}\n`;
  }

  #addResult(event: Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>): void {
    if (event.type === 'test:fail') this.#failed++;
    if (event.data.details.type === 'suite') return;
    this.#ran++;
    const { skip } = event.data;
    if (skip === undefined || skip === false) return;
    const reason = typeof skip === 'string' && skip !== '' ? skip : 'no reason given';
    this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + 1);
  }
}
