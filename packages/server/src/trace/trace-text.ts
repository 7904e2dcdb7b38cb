import type { TraceLine } from './trace-schema.ts';

const stallsShownMax = 3;

/** A request as one line for people, with what went wrong below it. */
export function traceTextOf(line: TraceLine): string {
  const parts = [
    line.start.slice(11, 23),
    `${line.command}:${line.local.slice(line.local.lastIndexOf(':') + 1)}`,
    `${line.method} ${line.route || '?'}`,
    line.model ?? '',
    statusOf(line),
    line.ttft_ms === null ? 'no output' : `ttft ${duration(line.ttft_ms)}`,
    duration(line.duration_ms),
    amountOf(line),
    ...remarksOf(line),
  ];
  const stalls = line.stalls
    .slice(0, stallsShownMax)
    .map(
      ({ at_ms, ms, cause }) =>
        `    stall of ${duration(ms)} at ${duration(at_ms)}: ${cause.replaceAll('_', ' ')}\n`,
    );
  return `${parts.filter((part) => part !== '').join('  ')}\n${stalls.join('')}`;
}

function statusOf({ status, grpc_status }: TraceLine): string {
  const http = status === null ? '-' : String(status);
  return grpc_status === null ? http : `${http} grpc ${grpc_status}`;
}

function amountOf(line: TraceLine): string {
  const { tokens, content_chunks, events, writes } = line;
  if (tokens !== null && tokens.output !== null) return `${tokens.output} tokens`;
  if (content_chunks !== null && content_chunks > 0) return `${content_chunks} chunks`;
  return events !== null && events > 1
    ? `${events} events`
    : `${writes} ${writes === 1 ? 'write' : 'writes'}`;
}

function remarksOf(line: TraceLine): readonly string[] {
  const { abandoned } = line;
  return [
    line.ending === 'answered' ? '' : line.ending.replace('-', ' '),
    line.stream_error ? 'error in the stream' : '',
    abandoned === null || abandoned.writes === 0
      ? ''
      : `${abandoned.writes} writes in ${duration(abandoned.ms)} for nobody`,
    line.complete ? '' : `incomplete: ${line.incomplete.join(', ')}`,
  ];
}

function duration(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
