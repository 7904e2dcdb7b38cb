import type { Terminal } from '../cli/terminal.ts';

/** Shows how far something has come; disposed of when that ends. */
export interface Progress extends Disposable {
  /** `done` of `total` bytes; an unknown total is 0. */
  advance(done: number, total: number): void;
}

const barWidth = 30;
const mebibyte = 2 ** 20;
/** Without a terminal a line is written each time so many more percent, or so many bytes of an unknown total, are done. */
const logPercents = 10;
const logBytes = 50 * mebibyte;

/** A bar that is redrawn on a terminal; lines in a log. */
export function createProgress(label: string, terminal: Terminal): Progress {
  let shownStep = -1;
  let hasBar = false;
  return {
    advance: (done, total) => {
      const step = stepOf(done, total, terminal.isInteractive);
      if (step <= shownStep) return;
      shownStep = step;
      hasBar = terminal.isInteractive;
      terminal.err(
        hasBar ? `\r${label} ${barOf(done, total)}` : `${label}: ${amountOf(done, total)}\n`,
      );
    },
    [Symbol.dispose]: () => {
      if (hasBar) terminal.err('\n');
    },
  };
}

function stepOf(done: number, total: number, isInteractive: boolean): number {
  if (total === 0) return Math.floor(done / (isInteractive ? mebibyte : logBytes));
  return Math.floor(percentOf(done, total) / (isInteractive ? 1 : logPercents));
}

function barOf(done: number, total: number): string {
  if (total === 0) return amountOf(done, total);
  const filled = Math.round((percentOf(done, total) / 100) * barWidth);
  return `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${amountOf(done, total)}`;
}

function amountOf(done: number, total: number): string {
  if (total === 0) return `${mebibytes(done)} MiB`;
  return `${percentOf(done, total)} % of ${mebibytes(total)} MiB`;
}

function percentOf(done: number, total: number): number {
  return Math.floor(Math.min(1, done / total) * 100);
}

function mebibytes(bytes: number): string {
  return (bytes / mebibyte).toFixed(0);
}
