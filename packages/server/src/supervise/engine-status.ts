import { apiError, type ApiError } from '@millrace/openai';

/** How an engine process stands, as plain data that threads can send each other. */
export interface EngineStatus {
  /** The socket that it listens on, or will. */
  readonly socketPath: string;
  readonly isReady: boolean;
  readonly deathsInARow: number;
  /** When it is started again, by the wall clock. */
  readonly restartAtUnixMs: number;
}

const retryMsMin = 500;

/** Why the engine cannot be asked, if so. */
export function engineUnavailable(status: EngineStatus, unixMs: number): ApiError | undefined {
  if (status.isReady) return undefined;
  const retryAfterMs = Math.max(retryMsMin, status.restartAtUnixMs - unixMs);
  const state = status.deathsInARow === 0 ? 'is starting' : 'has ended and is being started again';
  return apiError('backend_unavailable', `The engine ${state}.`, { retryAfterMs });
}
