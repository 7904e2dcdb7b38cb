import type { MetricBuckets } from '@millrace/probes';
import { ServerError } from '../errors.ts';

/** Names that the flag has for histograms, and what they are. */
const histograms = {
  ttft: 'timeToFirstToken',
  tpot: 'timePerOutputToken',
  duration: 'duration',
  gap: 'gap',
} as const satisfies Readonly<Record<string, keyof MetricBuckets>>;
const boundsMax = 64;

/**
 * Bounds of histograms as a flag gives them, in seconds: `ttft=0.1,0.5,2;gap=0.01,0.1`. Throws `SERVER_SETTING_INVALID`,
 * which names what is wrong and what may stand there.
 */
export function parseBuckets(text: string): MetricBuckets {
  const buckets: { -readonly [Name in keyof MetricBuckets]: readonly number[] } = {};
  for (const part of text.split(';')) {
    const [name = '', list = ''] = part.split('=');
    if (!isHistogram(name)) {
      throw invalid(
        text,
        `"${name}" is no histogram; there are ${Object.keys(histograms).join(', ')}`,
      );
    }
    const field = histograms[name];
    if (buckets[field] !== undefined) throw invalid(text, `${name} is given twice`);
    buckets[field] = boundsOf(text, name, list);
  }
  return buckets;
}

function boundsOf(text: string, name: string, list: string): readonly number[] {
  const bounds = list.split(',').map((word) => (word.trim() === '' ? Number.NaN : Number(word)));
  const ascends = bounds.every(
    (bound, at) => Number.isFinite(bound) && bound > (bounds[at - 1] ?? 0),
  );
  if (ascends && bounds.length <= boundsMax) return bounds;
  throw invalid(
    text,
    `${name} takes 1 to ${boundsMax} ascending seconds above 0, such as 0.1,0.5,2`,
  );
}

function isHistogram(name: string): name is keyof typeof histograms {
  return Object.hasOwn(histograms, name);
}

function invalid(text: string, reason: string): ServerError {
  return new ServerError(`--buckets ${text}: ${reason}`, { code: 'SERVER_SETTING_INVALID' });
}
