export { createEngine, type Engine, type EngineModel } from './engine.ts';
export { EngineError, type EngineErrorCode } from './errors.ts';
export {
  type BoundedOption,
  engineBounds,
  type EngineOptions,
  type SchedulerMode,
} from './options.ts';
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
export { type EngineServer, serveEngine } from './server/serve-engine.ts';
export {
  type BoundedServerOption,
  type EngineServerOptions,
  type ListenAddress,
  serverBounds,
} from './server/server-options.ts';
export type { ServedEngine, ServedModel, ServedVocabulary } from './server/served-engine.ts';
