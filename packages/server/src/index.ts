export { main } from './cli/main.ts';
export { ServerError, type ServerErrorCode } from './errors.ts';
export { type TracedRequest, TracePipeline } from './trace/trace-pipeline.ts';
