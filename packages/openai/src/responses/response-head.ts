/** What every answer begins with. */
export interface ResponseHead {
  readonly id: string;
  readonly createdUnixS: number;
  readonly model: string;
}

/** Why an answer ended. */
export type FinishReason = 'stop' | 'length' | 'tool_calls';

/** The stop string that ended an answer, or the number of the token that did (vLLM's `stop_reason`). */
export type StopReason = string | number;
