export { AnswerUnreadableError, type AnthropicErrorCode } from './errors.ts';
export {
  messagesErrorBody,
  type MessagesErrorType,
  messagesErrorType,
} from './responses/error-body.ts';
export { messagesErrorOfChat } from './responses/error-of-chat.ts';
export type { AnswerBlock, MessageBody, MessagesUsage, StopReason } from './responses/message.ts';
export { messageOfChat } from './responses/message-of-chat.ts';
