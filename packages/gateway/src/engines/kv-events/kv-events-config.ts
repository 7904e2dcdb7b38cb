import type { KvEventPlace } from './kv-follower.ts';

/** What vLLM takes as `--kv-events-config`, so that a follower of `place` hears it. */
export function kvEventsConfig({ url, replay, topic = '' }: KvEventPlace): string {
  return JSON.stringify({
    enable_kv_cache_events: true,
    publisher: 'zmq',
    endpoint: url,
    replay_endpoint: replay,
    topic,
  });
}
