import { readdirSync, readFileSync } from 'node:fs';
import { attachRawTracepoint } from '../links/attach-tracepoint.ts';
import { loadObject } from '../load/load-object.ts';
import type { LoadedObject } from '../load/loaded-object.ts';
import { runLoader } from '../loader/run-loader.ts';
import {
  type AdoptedParts,
  adoptPins,
  type HandedOver,
  handOver,
  takeOver,
} from '../pins/adopted-parts.ts';
import { PinFolder, pinFolderFor } from '../pins/pin-folder.ts';
import { prepareBpffs } from '../pins/prepare-bpffs.ts';
import { countRuns, takeOverCount } from '../programs/count-runs.ts';
import { becomeReader, readerIdentity } from '../privileges/become-reader.ts';
import { readSignedObject } from '../signing/signed-file.ts';
import { kernelObjectOf } from './kernel-objects.ts';
import { openRingBuffer } from '../ring-buffer/ring-buffer.ts';

/**
 * A program for tests: `start` loads in a process of its own and becomes `read`; `pins` stops in between, and waits to be
 * killed; `hand-over` loads by itself and becomes `take-over`; `hold` loads, and waits to be killed.
 */
const [script = '', mode, argument = ''] = process.argv.slice(1);
const eventsWanted = 500;
const fixture = new URL('../../fixtures/syscall-count.bpf.o', import.meta.url);

if (mode === 'read') await tell(adoptPins(new PinFolder(argument)));
else if (mode === 'take-over') await follow(JSON.parse(argument) as Handed);
else if (mode === 'hand-over') leave();
else if (mode === 'hold') await hold();
else await start();

function load(): LoadedObject {
  return loadObject(readSignedObject(fixture, { trustsDevelopmentKey: true }), {
    only: ['count_syscalls'],
    constants: { target_thread: process.pid },
  });
}

interface Handed {
  readonly parts: HandedOver;
  readonly counting: number;
}

async function follow({ parts, counting }: Handed): Promise<void> {
  using _counting = takeOverCount(counting);
  const adopted = takeOver(parts);
  await tell(adopted, () => Number(adopted.programState('count_syscalls').runs));
}

function leave(): void {
  const loaded = load();
  const program = loaded.program('count_syscalls');
  const syscalls = attachRawTracepoint(program);
  const maps = [loaded.map('events'), loaded.map('counts')];
  const parts = handOver({ maps, links: { syscalls }, programs: [program] });
  const handed: Handed = { parts, counting: countRuns().handOver() };
  const identity = readerIdentity([script, process.execPath]);
  becomeReader({
    args: [script, 'take-over', JSON.stringify(handed)],
    env: {},
    ...(identity === undefined ? {} : { identity }),
  });
}

async function hold(): Promise<void> {
  const loaded = load();
  const link = attachRawTracepoint(loaded.program('count_syscalls'));
  const held = [
    kernelObjectOf('prog', loaded.program('count_syscalls').fd),
    kernelObjectOf('map', loaded.map('events').fd),
    kernelObjectOf('link', link.fd),
  ];
  process.stdout.write(`${JSON.stringify(held)}\n`);
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}

async function start(): Promise<void> {
  const identity = readerIdentity([script, process.execPath]);
  prepareBpffs({ isForOthers: mode === 'start' && identity !== undefined });
  const pins = pinFolderFor({ name: 'test' });
  const bytes = readFileSync(fixture);
  const [report] = await runLoader({
    folder: pins.path,
    ...(identity === undefined ? {} : { owner: identity }),
    objects: [
      {
        bytes,
        allowsUnsigned: true,
        options: { only: ['count_syscalls'], constants: { target_thread: process.pid } },
        maps: ['events', 'counts'],
        links: [
          { name: 'syscalls', program: 'count_syscalls', hook: { kind: 'raw-tracepoint' } },
          {
            name: 'nowhere',
            program: 'count_syscalls',
            hook: { kind: 'raw-tracepoint', name: 'no_such' },
          },
        ],
      },
    ],
  });
  if (mode === 'pins') {
    process.stdout.write(`${JSON.stringify({ report, folder: pins.path })}\n`);
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    return;
  }
  becomeReader({
    args: [script, 'read', pins.path],
    env: {},
    ...(identity === undefined ? {} : { identity }),
  });
}

async function tell(parts: AdoptedParts, runs?: () => number): Promise<void> {
  using adopted = parts;
  using ring = openRingBuffer(adopted.map('events'));
  let count = 0;
  for await (const batch of ring.batches({ signal: AbortSignal.timeout(10_000) })) {
    count += batch.count;
    if (count >= eventsWanted) break;
    for (let call = 0; call < 10; call += 1) readFileSync('/proc/self/comm');
  }
  const tasks = readdirSync('/proc/self/task').map((task) =>
    readFileSync(`/proc/self/task/${task}/status`, 'utf8'),
  );
  const attempted = Buffer.from(adopted.map('counts').lookup(0) ?? []).readBigUInt64LE();
  const found = {
    count,
    tasks,
    attempted: Number(attempted),
    links: adopted.linkNames,
    uid: process.getuid?.(),
    runs: runs?.(),
  };
  process.stdout.write(JSON.stringify(found));
}
