import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process that holds programs, maps or links of eBPF. */
export interface Holder {
  readonly pid: number;
  readonly command: string;
  readonly links: number;
}

const linkForm = /^anon_inode:bpf[-_]link$/;
const objectForm = /^anon_inode:\[?bpf[-_](link|prog|map)/;

/** The processes, this one left out, that hold something of eBPF, as far as this one may look. */
export function findHolders(): readonly Holder[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((entry) => {
      const targets = descriptorsOf(entry).filter((target) => objectForm.test(target));
      if (targets.length === 0) return [];
      const links = targets.filter((target) => linkForm.test(target)).length;
      return [{ pid: Number(entry), command: commandOf(entry), links }];
    });
}

/** Empty where the process has ended meanwhile or is not ours to look at. */
function descriptorsOf(pid: string): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => targetOf(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

function targetOf(path: string): readonly string[] {
  try {
    return [readlinkSync(path)];
  } catch {
    return [];
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}
