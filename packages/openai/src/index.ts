export type { AnswerUsage } from './answers/answer-usage.ts';
export { type AnswerFinish, type ChatAnswer, readChatAnswer } from './answers/chat-answer.ts';
export {
  type ChatChunk,
  type ChatDelta,
  readChatChunk,
  type ToolCallDelta,
} from './answers/chat-chunk.ts';
export { SseReader } from './answers/sse-reader.ts';
export {
  apiError,
  type ApiError,
  type ApiErrorCode,
  bodyNotJson,
  bodyTooLarge,
  contextLengthExceeded,
  deadlineExceeded,
  draining,
  engineFailed,
  errorBody,
  errorHeaders,
  headersTooLarge,
  malformedRequest,
  methodNotAllowed,
  modelNotFound,
  overloaded,
  queueFull,
  requestTimeout,
  routeNotFound,
  unsupportedMediaType,
} from './error-response.ts';
export { AnswerUnreadableError, type OpenAiErrorCode, RefusedError } from './errors.ts';
export { type RequestBound, requestBounds, scanBounds } from './options.ts';
export {
  engineFieldsOf,
  engineParameterNames,
  engineParameters,
} from './parameters/engine-parameters.ts';
export {
  accepted,
  describeTable,
  type HonouredParameter,
  type InertParameter,
  type ParameterDescription,
  type ParameterEffect,
  type ParameterTable,
  readParameters,
  refusedUnless,
} from './parameters/parameter-table.ts';
export {
  boolean,
  integer,
  isRecord,
  list,
  number,
  oneOf,
  onlyFields,
  optional,
  type Reader,
  record,
  refuse,
  required,
  string,
  stringUpTo,
} from './parameters/readers.ts';
export type { Sampling } from './parameters/sampling-parameters.ts';
export type { ChatMessage, ToolCall } from './requests/chat-message.ts';
export {
  type ChatRequest,
  describeChatParameters,
  parseChatRequest,
} from './requests/chat-request.ts';
export type { FunctionTool, ToolChoice } from './requests/chat-tools.ts';
export {
  type CompletionRequest,
  describeCompletionParameters,
  parseCompletionRequest,
} from './requests/completion-request.ts';
export {
  describeEmbeddingParameters,
  type EmbeddingRequest,
  parseEmbeddingRequest,
} from './requests/embedding-request.ts';
export type { GenerationOptions } from './requests/generation-options.ts';
export { type Parsed, parseWith } from './requests/parsed.ts';
export { type ResponseFormat, responseSchemaPath } from './requests/response-format.ts';
export type { TextInput } from './requests/text-input.ts';
export {
  type DetokenizeRequest,
  parseDetokenizeRequest,
  parseTokenizeRequest,
  type TokenizeRequest,
} from './requests/token-requests.ts';
export { type ChatChoice, chatResponse } from './responses/chat-response.ts';
export { ChatStreamFormat } from './responses/chat-stream.ts';
export {
  type CompletionChoice,
  completionResponse,
  CompletionStreamFormat,
} from './responses/completion-response.ts';
export {
  detokenizeResponse,
  embeddingResponse,
  modelResponse,
  modelsResponse,
  type ServedModel,
  tokenizeResponse,
} from './responses/list-responses.ts';
export type { TokenChoice, TokenLogprob } from './responses/logprobs.ts';
export type { FinishReason, ResponseHead, StopReason } from './responses/response-head.ts';
export { doneEvent, errorEvent, eventStreamType, sseEvent } from './responses/sse.ts';
export { sumUsage, type TokenUsage } from './responses/usage.ts';
export {
  chatOfResponse,
  type ChatOfResponse,
  describeResponseParameters,
  type ResponseEcho,
} from './responses-api/chat-of-response.ts';
export { responseOfChat } from './responses-api/response-of-chat.ts';
export { ResponseStream } from './responses-api/response-stream.ts';
export { addPrompt, type PromptSink } from './scan/prompt-ranges.ts';
export { type FieldReplacements, replaceFields } from './scan/replace-fields.ts';
export { RoutingFields } from './scan/routing-fields.ts';
export { type BodyScan, scanBody } from './scan/scan-body.ts';
export type { ScannedField } from './scan/scanned-field.ts';
export type { ByteRange, JsonKind, ScannedBody } from './scan/scanned-body.ts';
export type { ScanProblem, ScanProblemCode } from './scan/scan-problem.ts';
export type { StreamUsage } from './watch/event-reader.ts';
export { StreamWatcher } from './watch/stream-watcher.ts';
