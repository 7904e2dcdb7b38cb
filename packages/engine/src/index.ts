export { createEngine, type Engine, type EngineModel } from './engine.ts';
export { EngineError, type EngineErrorCode } from './errors.ts';
export { engineBounds, type EngineOptions, type SchedulerMode } from './options.ts';
export type {
  FailureReason,
  GeneratedToken,
  Generation,
  GenerationEvent,
  GenerationRequest,
  RejectedSubmission,
  Submission,
  TokenLogprob,
  Usage,
} from './request.ts';
