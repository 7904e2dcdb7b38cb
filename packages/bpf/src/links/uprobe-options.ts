import type { CookieOption } from './attach-tracepoint.ts';

/** Where in a program or library of user space. */
export interface UprobeOptions extends CookieOption {
  readonly path: string;
  /** A function's name in the file's symbol tables. */
  readonly symbol?: string;
  /** Bytes past the symbol, or past the start of the file where there is none. */
  readonly offset?: number;
  /** Only in this process; in all where it is absent. */
  readonly pid?: number;
  /** True: when the function returns. */
  readonly isReturn?: boolean;
}
