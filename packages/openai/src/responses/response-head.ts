/** What every answer begins with. */
export interface ResponseHead {
  readonly id: string;
  readonly createdUnixS: number;
  readonly model: string;
}

/** Why an answer ended. */
export type FinishReason = 'stop' | 'length' | 'tool_calls';
