import {
  list,
  oneOf,
  onlyFields,
  type Reader,
  record,
  requestBounds,
  required,
} from '@millrace/openai';
import { type ContentBlock, contentReader } from './message-content.ts';

/** A message of a chat completion, as it is sent. */
export type ChatBodyMessage = Readonly<Record<string, unknown>>;

/** A turn: what one side says until the other speaks. */
export interface Turn {
  readonly role: 'user' | 'assistant' | 'system';
  readonly blocks: readonly ContentBlock[];
}

/** Reads `messages`; messages of one role that follow one another are one turn, as the Messages API has it. */
export const readTurns: Reader<readonly Turn[]> = (value, path) => {
  const read = list(readTurn, { least: 1, most: requestBounds.messagesMax })(value, path);
  const turns: Turn[] = [];
  for (const turn of read) {
    const last = turns.at(-1);
    if (last?.role === turn.role)
      turns[turns.length - 1] = { ...last, blocks: [...last.blocks, ...turn.blocks] };
    else turns.push(turn);
  }
  return turns;
};

const readTurn: Reader<Turn> = (value, path) => {
  const message = record(value, path);
  onlyFields(message, ['role', 'content'], path);
  const role = required(message, 'role', { read: oneOf('user', 'assistant', 'system'), path });
  return { role, blocks: required(message, 'content', { read: contentReader(role), path }) };
};

/** Reads `system`. */
export const readSystem: Reader<string> = (value, path) =>
  joinedText(contentReader('system')(value, path));

/** The messages of a chat completion that say what a conversation says. */
export function chatMessagesOf(
  system: string | undefined,
  turns: readonly Turn[],
): readonly ChatBodyMessage[] {
  const first = system === undefined || system === '' ? [] : [{ role: 'system', content: system }];
  return [...first, ...turns.flatMap(messagesOfTurn)];
}

function messagesOfTurn({ role, blocks }: Turn): readonly ChatBodyMessage[] {
  switch (role) {
    case 'system':
      return [{ role, content: joinedText(blocks) }];
    case 'assistant':
      return [assistantMessage(blocks)];
    case 'user':
      return userMessages(blocks);
  }
}

function assistantMessage(blocks: readonly ContentBlock[]): ChatBodyMessage {
  const thinking = blocks
    .flatMap((block) => (block.kind === 'thinking' ? block.thinking : []))
    .join('\n');
  const calls = blocks.flatMap((block) =>
    block.kind === 'tool-use'
      ? {
          id: block.id,
          type: 'function',
          function: { name: block.name, arguments: block.arguments },
        }
      : [],
  );
  const text = joinedText(blocks);
  return {
    role: 'assistant',
    content: text === '' && calls.length > 0 ? null : text,
    // Engines read it under one name or the other.
    ...(thinking !== '' && { reasoning_content: thinking, reasoning: thinking }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

/** Results of tools first: they answer the calls right before them. Their images follow in the user's own message. */
function userMessages(blocks: readonly ContentBlock[]): readonly ChatBodyMessage[] {
  const results = blocks.flatMap((block) => (block.kind === 'tool-result' ? block : []));
  const images = results.flatMap(({ imageUrls }) => imageUrls.map(imagePart));
  const rest = blocks.flatMap((block) => partOf(block) ?? []);
  const parts = [...images, ...rest];
  const isText = parts.every((part) => part.type === 'text');
  const content = isText ? joinedText(blocks) : parts;
  return [
    ...results.map(({ toolUseId, text }) => ({
      role: 'tool',
      tool_call_id: toolUseId,
      content: text,
    })),
    ...(parts.length > 0 || results.length === 0 ? [{ role: 'user', content }] : []),
  ];
}

type ChatPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string } };

function partOf(block: ContentBlock): ChatPart | undefined {
  if (block.kind === 'text') return { type: 'text', text: block.text };
  return block.kind === 'image' ? imagePart(block.url) : undefined;
}

function imagePart(url: string): ChatPart {
  return { type: 'image_url', image_url: { url } };
}

function joinedText(blocks: readonly ContentBlock[]): string {
  return blocks.flatMap((block) => (block.kind === 'text' ? block.text : [])).join('\n');
}
