import type { StreamWatcher } from '@millrace/openai';
import type { Counter, Registry } from '@millrace/telemetry';
import type { RelayEnd } from './relay.ts';

/** What the gateway counts. */
export interface GatewayMetrics {
  /** Counts an answered request. */
  note(status: number, elapsedMs: number): void;
  noteEnd(end: RelayEnd): void;
  /** Counts what the events of a stream told. */
  noteStream(watcher: StreamWatcher): void;
}

const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

export function createGatewayMetrics(
  registry: Registry,
  read: { readonly active: () => number; readonly bodyBytes: () => number },
): GatewayMetrics {
  const requests = registry.labelledCounter({
    name: 'millrace_gateway_requests_total',
    help: 'Requests answered, by status.',
    labelNames: ['status'],
  });
  const ends = registry.labelledCounter({
    name: 'millrace_gateway_relays_total',
    help: 'Answers passed on, by how they ended.',
    labelNames: ['end'],
  });
  const duration = registry.histogram({
    name: 'millrace_gateway_request_seconds',
    help: 'From the head of a request to the end of its answer.',
    buckets,
  });
  registry.gauge({
    name: 'millrace_gateway_active_requests',
    help: 'Requests being answered.',
    read: read.active,
  });
  registry.gauge({
    name: 'millrace_gateway_body_bytes',
    help: 'Memory of the bodies of requests that are being answered.',
    read: read.bodyBytes,
  });
  // Handles are kept: looking a label set up costs more than counting in it.
  const byStatus = new Map<number, Counter>();
  const byEnd = new Map<RelayEnd, Counter>();
  return {
    note: (status, elapsedMs) => {
      let counter = byStatus.get(status);
      if (counter === undefined) {
        counter = requests.labels({ status: String(status) });
        byStatus.set(status, counter);
      }
      counter.inc();
      duration.observe(elapsedMs / 1000);
    },
    noteEnd: (end) => {
      let counter = byEnd.get(end);
      if (counter === undefined) {
        counter = ends.labels({ end });
        byEnd.set(end, counter);
      }
      counter.inc();
    },
    noteStream: countStreams(registry),
  };
}

function countStreams(registry: Registry): GatewayMetrics['noteStream'] {
  const events = registry.labelledCounter({
    name: 'millrace_gateway_stream_events_total',
    help: 'Events of streams that were passed on: with a part of an answer, with an error, and such as could not be read.',
    labelNames: ['kind'],
  });
  const tokens = registry.labelledCounter({
    name: 'millrace_gateway_stream_tokens_total',
    help: 'Tokens as streams told them in their usage; cached ones are among those of prompts.',
    labelNames: ['kind'],
  });
  const [content, failed, unread] = ['content', 'error', 'unread'].map((kind) =>
    events.labels({ kind }),
  );
  const [prompt, completion, cached] = ['prompt', 'completion', 'cached'].map((kind) =>
    tokens.labels({ kind }),
  );
  return ({ contentEvents, errorEvents, unreadEvents, usage }) => {
    content?.inc(contentEvents);
    failed?.inc(errorEvents);
    unread?.inc(unreadEvents);
    prompt?.inc(countOf(usage?.promptTokens));
    completion?.inc(countOf(usage?.completionTokens));
    cached?.inc(countOf(usage?.cachedTokens));
  };
}

/** An engine may tell anything; a counter only grows. */
function countOf(tokens: number | undefined): number {
  return tokens !== undefined && Number.isFinite(tokens) && tokens > 0 ? tokens : 0;
}
