import { readdirSync, readFileSync } from 'node:fs';
import { runLoader } from '../loader/run-loader.ts';
import { adoptPins } from '../pins/adopted-pins.ts';
import { PinFolder, pinFolderFor } from '../pins/pin-folder.ts';
import { prepareBpffs } from '../pins/prepare-bpffs.ts';
import { becomeReader, readerIdentity } from '../privileges/become-reader.ts';
import { openRingBuffer } from '../ring-buffer/ring-buffer.ts';

/** A program for tests: `start` loads and becomes `read`; `pins` stops in between, and waits to be killed. */
const [script = '', mode, folder = ''] = process.argv.slice(1);
const eventsWanted = 500;

if (mode === 'read') process.stdout.write(JSON.stringify(await read()));
else await start();

async function start(): Promise<void> {
  const identity = readerIdentity([script, process.execPath]);
  prepareBpffs({ isForOthers: mode === 'start' && identity !== undefined });
  const pins = pinFolderFor({ name: 'test' });
  const bytes = readFileSync(new URL('../../fixtures/syscall-count.bpf.o', import.meta.url));
  const [report] = await runLoader({
    folder: pins.path,
    ...(identity === undefined ? {} : { owner: identity }),
    objects: [
      {
        bytes,
        allowsUnsigned: true,
        options: { only: ['count_syscalls'], constants: { target_pid: process.pid } },
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

async function read(): Promise<object> {
  using adopted = adoptPins(new PinFolder(folder));
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
  return {
    count,
    tasks,
    attempted: Number(attempted),
    links: adopted.linkNames,
    uid: process.getuid?.(),
  };
}
