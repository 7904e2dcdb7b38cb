import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { type LlamaLibrary, llamaVersion, loadLlama, type QuantizationType } from '@millrace/llama';
import { messageOf } from '@millrace/stdx';
import type { Terminal } from '../cli/terminal.ts';
import { requireRoom } from './disk-room.ts';
import { type GgufHead, readGgufHead } from './gguf.ts';
import { takeLock } from './lock.ts';
import { describeModel, knowModel, type ModelManifest, writeManifest } from './manifest.ts';
import { type ModelPlace, placeOf } from './store.ts';
import { type Candidate, chooseEncoding, isFaithful } from './tune-choice.ts';
import { distributionsOf, lossOf } from './tune-loss.ts';
import { tuneKey, type TuneRecord } from './tune-record.ts';
import { measureRound, measuredTokensMax, type Round, speedOf } from './tune-speed.ts';
import { tuningOf } from './tuned-path.ts';

/** Says how a model is to be tuned. */
export interface TuneOptions {
  /** True: also what has been tuned here is measured anew. */
  readonly isRepeated?: boolean;
  /** True: also encodings that lose too much are timed, for comparison. */
  readonly isComplete?: boolean;
  /** No round is begun that would end later than this; the first always is. */
  readonly budgetMs?: number;
  readonly roundsMax?: number;
}

/** What tuning found, and whether that was now. */
export interface TuneOutcome {
  readonly kind: 'tuned' | 'known';
  readonly manifest: ModelManifest;
  readonly record: TuneRecord;
}

const budgetMsDefault = 25_000;
/** The reference text is cut short after this long: on a slow or busy machine. */
const textMsMax = 4_000;
const roundsMaxDefault = 5;
/** A larger file is left as it is: measuring it would take minutes. */
const modelBytesMax = 2 * 2 ** 30;
/** Distributions, graphs and the process itself. */
const workBytes = 2 ** 29;

/** Bytes a weight takes: these have fast kernels on most processors. */
const bytesPerWeight = { Q8_0: 34 / 32, Q4_0: 18 / 32, F16: 2 } as const;

/** One way of encoding a model, on its way through measuring. */
interface Trial {
  readonly candidate: Candidate;
  readonly path: string;
  readonly rounds: Round[];
}

/**
 * Finds the fastest encoding of a model on this machine that loses next to nothing, and keeps the finding with what is
 * known of the model. Where that has been done, it is only read. To be run in a process of its own: what it takes of
 * memory is free when that ends.
 */
export async function tuneModel(
  path: string,
  terminal: Terminal,
  options: TuneOptions = {},
): Promise<TuneOutcome> {
  const place = placeOf(path, terminal.env);
  await mkdir(place.encodingsFolder, { recursive: true });
  const known = await knowModel(place, { origin: 'your own file', tell: terminal.err });
  await using _lock = await takeLock(`${place.manifestPath}.lock`, {
    onWait: (holder) => terminal.err(`${basename(path)}: ${holder} is tuning it; waiting\n`),
  });
  const manifest = await knowModel(place, { origin: known.origin, tell: terminal.err });
  const before = tuningOf(manifest);
  if (before !== undefined && options.isRepeated !== true)
    return { kind: 'known', manifest, record: before };
  const record = await new Tuning(place, manifest, { terminal, options }).run();
  const tuned = { ...manifest, tuning: record };
  await writeManifest(place, tuned);
  return { kind: 'tuned', manifest: tuned, record };
}

class Tuning {
  readonly #place: ModelPlace;
  readonly #manifest: ModelManifest;
  readonly #terminal: Terminal;
  readonly #options: TuneOptions;
  readonly #head: GgufHead;
  readonly #encodings: readonly (keyof typeof bytesPerWeight)[];
  readonly #threads: number = availableParallelism();
  readonly #startedMs: number = performance.now();

  constructor(
    place: ModelPlace,
    manifest: ModelManifest,
    rest: { readonly terminal: Terminal; readonly options: TuneOptions },
  ) {
    this.#place = place;
    this.#manifest = manifest;
    this.#terminal = rest.terminal;
    this.#options = rest.options;
    this.#head = readGgufHead(place.path);
    this.#encodings = encodingsFor(manifest.encoding);
  }

  async run(): Promise<TuneRecord> {
    const obstacle = await this.#obstacle();
    if (obstacle !== undefined) return this.#record(obstacle);
    const library = loadLlama();
    const accelerator = library.devices.find(({ name }) => !/^(CPU|BLAS)/i.test(name));
    if (accelerator !== undefined)
      return this.#record(`${accelerator.description} computes; tuning is for processors`);
    const parts = this.#encodings.map((encoding) => this.#partOf(encoding));
    try {
      return await this.#measure(library);
    } finally {
      for (const part of parts) await rm(part, { force: true });
    }
  }

  /** Why this model is not tuned on this machine at all, if so. */
  async #obstacle(): Promise<string | undefined> {
    const { sizeBytes, parameterCount } = this.#manifest;
    if (this.#encodings.length === 0)
      return `there is nothing faster to try for ${this.#manifest.encoding}`;
    if (sizeBytes > modelBytesMax)
      return `it is larger than ${mebibytes(modelBytesMax)} MiB; measuring would take minutes`;
    const sizes = this.#encodings.map((encoding) => parameterCount * bytesPerWeight[encoding]);
    const largest = Math.max(sizeBytes, ...sizes);
    const kvBytes = measuredTokensMax * (this.#head.kvBytesPerToken ?? 0);
    const needed = 2 * largest + kvBytes + workBytes;
    if (process.availableMemory() < needed)
      return `measuring needs ${mebibytes(needed)} MiB of memory and ${mebibytes(process.availableMemory())} are free`;
    try {
      await requireRoom(
        this.#place.encodingsFolder,
        sizes.reduce((sum, size) => sum + size, 0),
      );
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  async #measure(library: LlamaLibrary): Promise<TuneRecord> {
    const [shipped, ...others] = await this.#trials(library);
    const worthTiming = others.filter(
      ({ candidate }) => this.#options.isComplete === true || isFaithful(candidate),
    );
    if (worthTiming.length > 0) await this.#time(library, [shipped, ...worthTiming]);
    const { chosen, reason } = chooseEncoding([
      timed(shipped),
      ...others.map((trial) => timed(trial)),
    ]);
    const candidates = [shipped, ...others].map((trial) => timed(trial));
    const winner = others.find(({ candidate }) => candidate.encoding === chosen.encoding);
    const details = { rounds: shipped.rounds.length, candidates };
    if (winner === undefined) return this.#record(reason, details);
    return this.#record(reason, { ...details, servedPath: await this.#keep(winner) });
  }

  /** Makes each encoding and finds what it loses. */
  async #trials(library: LlamaLibrary): Promise<readonly [Trial, ...Trial[]]> {
    const { path } = this.#place;
    const { encoding, sizeBytes } = this.#manifest;
    this.#tell(`what ${encoding} answers, as a reference`);
    const threads = this.#threads;
    const reference = await distributionsOf(library, path, { threads, budgetMs: textMsMax });
    const tokens = reference.length;
    const none = { meanNats: 0, top1Agreement: 1, tokens };
    const others: Trial[] = [];
    for (const type of this.#encodings) {
      const part = this.#partOf(type);
      await library.quantize({
        from: path,
        to: part,
        type: type satisfies QuantizationType,
        threads,
      });
      const loss = lossOf(reference, await distributionsOf(library, part, { threads, tokens }));
      this.#tell(`${type} loses ${loss.meanNats.toFixed(4)} nats over ${tokens} tokens`);
      const { size } = await stat(part);
      others.push({ candidate: { encoding: type, sizeBytes: size, loss }, path: part, rounds: [] });
    }
    return [{ candidate: { encoding, sizeBytes, loss: none }, path, rounds: [] }, ...others];
  }

  /** Takes the encodings in turns, round by round, so that a disturbance does not fall on one of them alone. */
  async #time(library: LlamaLibrary, trials: readonly Trial[]): Promise<void> {
    const { budgetMs = budgetMsDefault, roundsMax = roundsMaxDefault } = this.#options;
    let roundMs = 0;
    for (let round = 0; round < roundsMax; round++) {
      const fromMs = performance.now();
      if (round > 0 && fromMs - this.#startedMs + roundMs > budgetMs) break;
      this.#tell(`round ${round + 1} of at most ${roundsMax}: prefill, decode at 1, 8 and 32`);
      for (const trial of trials)
        trial.rounds.push(await measureRound(library, trial.path, this.#threads));
      roundMs = performance.now() - fromMs;
    }
  }

  async #keep(winner: Trial): Promise<string> {
    const to = this.#pathOf(winner.candidate.encoding);
    await rename(winner.path, to);
    const known = {
      origin: `tuned from ${basename(this.#place.path)}`,
      madeFrom: this.#place.path,
    };
    await writeManifest(placeOf(to, this.#terminal.env), await describeModel(to, known));
    return to;
  }

  #record(reason: string, details: Partial<TuneRecord> = {}): TuneRecord {
    const key = tuneKey(this.#manifest.sha256, llamaVersion);
    return { rounds: 0, candidates: [], ...details, key, reason };
  }

  #partOf(encoding: string): string {
    return `${this.#pathOf(encoding)}.part`;
  }

  #pathOf(encoding: string): string {
    const stem = basename(this.#place.path).replace(/\.gguf$/i, '');
    const name = `${stem}.${this.#manifest.sha256.slice(0, 8)}.${encoding}.gguf`;
    return join(this.#place.encodingsFolder, name);
  }

  #tell(text: string): void {
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(0);
    this.#terminal.err(`tuning ${basename(this.#place.path)} (${seconds} s): ${text}\n`);
  }
}

function timed({ candidate, rounds }: Trial): Candidate {
  return rounds.length === 0 ? candidate : { ...candidate, speed: speedOf(rounds) };
}

/** What is worth trying for a file: never more precision than it has, unless that has the faster kernels. */
function encodingsFor(encoding: string): readonly (keyof typeof bytesPerWeight)[] {
  if (encoding === 'F32' || encoding === 'BF16') return ['Q8_0', 'F16'];
  if (encoding === 'F16') return ['Q8_0'];
  if (encoding === 'Q8_0') return ['Q4_0'];
  // Of what has fewer bits than four nothing would be left to gain in speed for the memory it takes.
  if (/^(Q[123]|IQ[123]|TQ)/.test(encoding)) return [];
  return encoding === 'Q4_0' ? ['Q8_0'] : ['Q8_0', 'Q4_0'];
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
