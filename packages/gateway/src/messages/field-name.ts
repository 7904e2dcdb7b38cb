import { assert } from '@millrace/stdx';

const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** A header's name, checked, and how its line begins. */
export class FieldName {
  readonly text: string;
  readonly lower: string;
  /** `name: ` */
  readonly start: Buffer;

  /** A name that HTTP does not know is a bug. */
  constructor(text: string) {
    if (!tokenPattern.test(text))
      assert(false, `a header's name is a token, not ${JSON.stringify(text)}`);
    this.text = text;
    this.lower = text.toLowerCase();
    this.start = Buffer.from(`${text}: `, 'latin1');
  }
}

export const contentLengthName: FieldName = new FieldName('content-length');
