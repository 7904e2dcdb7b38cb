import type { Terminal } from '../cli/terminal.ts';
import type { Environment } from '../models/store.ts';

/** A terminal that keeps what is written to it. */
export class FakeTerminal implements Terminal {
  readonly isInteractive: boolean;
  readonly env: Environment;
  outText = '';
  errText = '';

  constructor(options: { readonly env?: Environment; readonly isInteractive?: boolean } = {}) {
    this.env = options.env ?? {};
    this.isInteractive = options.isInteractive ?? false;
  }

  readonly out = (text: string): void => {
    this.outText += text;
  };

  readonly err = (text: string): void => {
    this.errText += text;
  };
}
