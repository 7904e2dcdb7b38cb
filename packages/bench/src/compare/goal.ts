import type { Goal } from '../report/report.ts';

export function goalAtLeast(text: string, reached: number, least: number): Goal {
  return { text, reached, isMet: reached >= least };
}

export function goalAtMost(text: string, reached: number, most: number): Goal {
  return { text, reached, isMet: reached <= most };
}
