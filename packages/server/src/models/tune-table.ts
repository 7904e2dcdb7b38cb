import { basename } from 'node:path';
import { type Candidate, isFaithful, lossNatsMax, scoreOf } from './tune-choice.ts';
import type { TuneRecord } from './tune-record.ts';
import type { EncodingSpeed } from './tune-speed.ts';

const shapes: readonly (keyof EncodingSpeed)[] = ['prefill', 'decode1', 'decode8', 'decode32'];
const numberWidth = 8;

/** What tuning did, in a table. */
export function describeTuning(record: TuneRecord): string {
  const { candidates, reason, servedPath, rounds } = record;
  const [shipped] = candidates;
  if (shipped === undefined) return `It is served as it is: ${reason}.\n`;
  const served = candidates.find((candidate) => isServed(candidate, record)) ?? shipped;
  const heads = ['prefill', 'at 1', 'at 8', 'at 32', 'score'].map((head) =>
    head.padStart(numberWidth),
  );
  const lines = [
    `encoding     MiB ${heads.join('')}  loss (nats)  same top token`,
    ...candidates.map((candidate) => rowOf(candidate, candidate === served)),
    '',
    `tokens/s, ${roundsIn(rounds)}; prefill of 512 tokens, decoding at 1, 8 and 32 sequences;`,
    `score: their geometric mean; loss: mean KL divergence from the file as shipped over ${shipped.loss.tokens} tokens, at most ${lossNatsMax}${rounds > 1 ? spreadOf(candidates) : '.'}`,
    `Served: ${served.encoding}${servedPath === undefined ? '' : ` (${basename(servedPath)})`}, because ${reason}.`,
  ];
  return `${lines.join('\n')}\n`;
}

function isServed({ encoding }: Candidate, { servedPath }: TuneRecord): boolean {
  return servedPath?.endsWith(`.${encoding}.gguf`) === true;
}

function rowOf(candidate: Candidate, isChosen: boolean): string {
  const { encoding, sizeBytes, loss, speed } = candidate;
  const values =
    speed === undefined
      ? Array.from({ length: shapes.length + 1 }, () => '–')
      : [...shapes.map((shape) => speed[shape].median), scoreOf(speed)].map((value) =>
          value.toFixed(0),
        );
  const mark = isChosen ? '  ← served' : isFaithful(candidate) ? '' : '  loses too much';
  return [
    encoding.padEnd(8),
    (sizeBytes / 2 ** 20).toFixed(0).padStart(numberWidth),
    ' ',
    ...values.map((value) => value.padStart(numberWidth)),
    loss.meanNats.toFixed(5).padStart(13),
    `${(loss.top1Agreement * 100).toFixed(1)} %`.padStart(16),
    mark,
  ].join('');
}

function roundsIn(rounds: number): string {
  if (rounds === 0) return 'not measured';
  if (rounds === 1) return 'of one round, which a busy machine can disturb';
  return `medians of ${rounds} rounds taken in turns`;
}

/** How far apart the rounds were, at worst: a busy machine shows here. */
function spreadOf(candidates: readonly Candidate[]): string {
  const spreads = candidates.flatMap(({ speed }) =>
    speed === undefined
      ? []
      : shapes.map((shape) => (speed[shape].most - speed[shape].least) / speed[shape].median),
  );
  if (spreads.length === 0) return '.';
  return `;\nthe rounds of one figure lie at most ${(Math.max(...spreads) * 100).toFixed(0)} % apart.`;
}
