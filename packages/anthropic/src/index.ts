export { AnswerUnreadableError } from './errors.ts';
export {
  chatOfMessages,
  type ChatOfMessages,
  describeMessagesParameters,
  tokenizeOfCount,
} from './requests/chat-of-messages.ts';
export {
  messagesErrorBody,
  type MessagesErrorType,
  messagesErrorType,
} from './responses/error-body.ts';
export { messagesErrorOfChat } from './responses/error-of-chat.ts';
export type { AnswerBlock, MessageBody, MessagesUsage, StopReason } from './responses/message.ts';
export { messageOfChat } from './responses/message-of-chat.ts';
export { MessageStream } from './responses/message-stream.ts';
