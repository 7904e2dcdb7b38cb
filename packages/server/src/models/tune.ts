import { rename, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { type LlamaLibrary, loadLlama, type QuantizationType } from '@millrace/llama';
import type { Terminal } from '../cli/terminal.ts';
import { ensureModel } from './ensure-model.ts';
import { type Candidate, chooseEncoding, lossNatsMax, scoreOf } from './tune-choice.ts';
import { processorName, readRecord, type TuneRecord, writeRecord } from './tuned-path.ts';
import { distributionsOf, measureSpeed, meanDivergence } from './tune-measure.ts';

/** Encodings that have fast kernels on most processors. */
const encodings: readonly QuantizationType[] = ['Q8_0', 'Q4_0'];
/** A larger file is left as it is: measuring it would take minutes. */
const modelBytesMax = 2 ** 31;

/** `models tune`: measures encodings on this machine and keeps the fastest that loses next to nothing. */
export async function tuneModel(args: readonly string[], terminal: Terminal): Promise<number> {
  const reference = args.find((arg) => !arg.startsWith('--'));
  const model = await ensureModel(reference, terminal);
  const known = readRecord(model.path);
  if (known !== undefined && !args.includes('--again')) {
    terminal.out(
      `${basename(model.path)} has been tuned on this machine; --again measures anew.\n${tableOf(known)}`,
    );
    return 0;
  }
  const { size } = await stat(model.path);
  if (size > modelBytesMax) {
    terminal.out(
      `${basename(model.path)} is larger than ${modelBytesMax} bytes and is left as it is.\n`,
    );
    return 0;
  }
  const record = await tune(model.path, terminal);
  await writeRecord(model.path, record);
  terminal.out(tableOf(record));
  return 0;
}

async function tune(path: string, terminal: Terminal): Promise<TuneRecord> {
  const library = loadLlama({ accelerator: 'cpu' });
  const threads = availableParallelism();
  terminal.err(`tuning ${basename(path)}: measuring it as it is\n`);
  const reference = await distributionsOf(library, path, threads);
  const shipped = await shippedCandidate(library, path, threads);
  const others: Candidate[] = [];
  for (const encoding of encodings.filter((name) => name !== shipped.encoding)) {
    terminal.err(`tuning ${basename(path)}: measuring it as ${encoding}\n`);
    const to = path.replace(/(\.[A-Za-z0-9_]+)?\.gguf$/, `.${encoding}.gguf`);
    await library.quantize({ from: path, to: `${to}.part`, type: encoding, threads });
    await rename(`${to}.part`, to);
    const lossNats = meanDivergence(reference, await distributionsOf(library, to, threads));
    others.push({ encoding, path: to, lossNats, speed: await measureSpeed(library, to, threads) });
  }
  const chosen = chooseEncoding([shipped, ...others]);
  for (const other of others) if (other !== chosen) await rm(other.path);
  const { size } = await stat(path);
  return {
    machine: machineName(library),
    modelBytes: size,
    chosenPath: chosen.path,
    candidates: [shipped, ...others],
  };
}

async function shippedCandidate(
  library: LlamaLibrary,
  path: string,
  threads: number,
): Promise<Candidate> {
  const fileType = await fileTypeOf(library, path);
  return {
    encoding: fileType,
    path,
    lossNats: 0,
    speed: await measureSpeed(library, path, threads),
  };
}

async function fileTypeOf(library: LlamaLibrary, path: string): Promise<string> {
  using model = await library.loadModel(path);
  return model.fileType;
}

function machineName(library: LlamaLibrary): string {
  return `${processorName()}, libllama ${library.version}`;
}

function tableOf(record: TuneRecord): string {
  const head = 'encoding  prefill 512  decode ×1   ×8    ×32   score  loss (nats)';
  const rows = record.candidates.map(({ encoding, speed, lossNats, path }) => {
    const numbers = [speed.prefill, speed.decode1, speed.decode8, speed.decode32, scoreOf(speed)];
    const cells = numbers.map((value) => value.toFixed(0).padStart(6));
    const mark =
      path === record.chosenPath ? '  ← served' : lossNats > lossNatsMax ? '  loses too much' : '';
    return `${encoding.padEnd(8)}  ${cells.join(' ')}   ${lossNats.toFixed(5)}${mark}`;
  });
  return `${[head, ...rows].join('\n')}\n(tokens/s, medians of 3; loss: mean KL divergence from the file as shipped, at most ${lossNatsMax})\n`;
}
