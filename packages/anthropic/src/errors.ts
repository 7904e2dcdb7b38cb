/** An engine's answer that is not what its API promises, so that no message can be made of it. */
export { AnswerUnreadableError } from '@millrace/openai';
