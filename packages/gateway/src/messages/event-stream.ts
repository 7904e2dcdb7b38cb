import type { HeaderBlock } from './header-block.ts';

/** Whether an answer with these headers is a stream of server-sent events. */
export function isEventStream(headers: HeaderBlock): boolean {
  return (headers.get('content-type') ?? '').startsWith('text/event-stream');
}
