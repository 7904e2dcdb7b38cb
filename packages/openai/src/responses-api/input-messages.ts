import type { InputItem } from './input-items.ts';

/** What the assistant said and called without anybody between. */
interface AssistantTurn {
  reasoning: string;
  text: string | undefined;
  readonly calls: object[];
}

type ChatBodyMessage = Readonly<Record<string, unknown>>;

/**
 * The messages of a chat completion that say what the items say. Reasoning, text and calls that follow one another
 * are one message of the assistant, as a chat template writes them.
 */
export function messagesOfItems(
  instructions: string | undefined,
  items: readonly InputItem[],
): readonly ChatBodyMessage[] {
  const messages: ChatBodyMessage[] = [];
  let turn: AssistantTurn | undefined;
  const close = (): void => {
    if (turn !== undefined) messages.push(messageOfTurn(turn));
    turn = undefined;
  };
  if (instructions !== undefined && instructions !== '')
    messages.push({ role: 'system', content: instructions });
  for (const item of items) {
    if (turn !== undefined && !goesOn(turn, item)) close();
    if (item.kind === 'message') messages.push({ role: item.role, content: item.content });
    else if (item.kind === 'result')
      messages.push({ role: 'tool', tool_call_id: item.callId, content: item.text });
    else takeInto((turn ??= { reasoning: '', text: undefined, calls: [] }), item);
  }
  close();
  return messages;
}

function goesOn(turn: AssistantTurn, item: InputItem): boolean {
  switch (item.kind) {
    case 'reasoning':
      return turn.text === undefined && turn.calls.length === 0;
    case 'answer':
      return turn.text === undefined && turn.calls.length === 0;
    case 'call':
      return true;
    case 'message':
    case 'result':
      return false;
  }
}

function takeInto(
  turn: AssistantTurn,
  item: Extract<InputItem, { kind: 'reasoning' | 'answer' | 'call' }>,
): void {
  if (item.kind === 'reasoning') turn.reasoning += item.text;
  else if (item.kind === 'answer') turn.text = item.text;
  else {
    const { id, name } = item;
    turn.calls.push({ id, type: 'function', function: { name, arguments: item.arguments } });
  }
}

function messageOfTurn({ reasoning, text, calls }: AssistantTurn): ChatBodyMessage {
  return {
    role: 'assistant',
    content: text ?? (calls.length > 0 ? null : ''),
    // Engines read it under one name or the other.
    ...(reasoning !== '' && { reasoning_content: reasoning, reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}
