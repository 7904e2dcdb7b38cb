/** One thing that was looked at. `lacking` is something that Millrace does without. */
export interface Finding {
  readonly subject: string;
  readonly state: 'good' | 'lacking' | 'bad';
  readonly detail: string;
  readonly mend?: string;
}
