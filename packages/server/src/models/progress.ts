import type { Terminal } from '../cli/terminal.ts';

/** Shows how far something has come. */
export interface Progress {
  /** `done` of `total`; an unknown total is 0. */
  advance(done: number, total: number): void;
  end(): void;
}

const barWidth = 30;
/** Without a terminal a line is written each time so much more is done. */
const logStep = 0.1;

/** A bar that is redrawn on a terminal; lines in a log. */
export function createProgress(label: string, terminal: Terminal): Progress {
  let logged = -1;
  let drawnPercent = -1;
  return {
    advance: (done, total) => {
      const share = total === 0 ? 0 : Math.min(1, done / total);
      if (!terminal.isInteractive) {
        const step = Math.floor(share / logStep);
        if (step <= logged) return;
        logged = step;
        terminal.err(`${label}: ${Math.round(share * 100)} % of ${mebibytes(total)} MiB\n`);
        return;
      }
      const percent = Math.floor(share * 100);
      if (percent === drawnPercent) return;
      drawnPercent = percent;
      const filled = Math.round(share * barWidth);
      const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled);
      terminal.err(`\r${label} ${bar} ${percent} % of ${mebibytes(total)} MiB`);
    },
    end: () => {
      if (terminal.isInteractive && drawnPercent >= 0) terminal.err('\n');
    },
  };
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
