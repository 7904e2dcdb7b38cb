import { readFileSync } from 'node:fs';
import koffi, { type LibraryHandle } from 'koffi';
import { BpfError } from '../errors.ts';
import { describeErrno } from './errno.ts';

/** Numbers of linux/prctl.h. */
const prctl = {
  boundingDrop: 24,
  noNewPrivileges: 38,
  ambient: 47,
  ambientRaise: 2,
  ambientClearAll: 4,
} as const;
/** linux/capability.h, _LINUX_CAPABILITY_VERSION_3; its structure has three words for each half. */
const capabilityVersion = 0x2008_0522;
const capabilityWords = 6;
/** linux/capability.h numbers 41; the kernel says which is the last that it knows. */
const capabilitiesMax = 64;
const errnoInvalid = 22;

/** Who a process becomes. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

type Prctl = (...args: readonly (number | bigint)[]) => number;
/** Throws where a call has failed, and says what it was for. */
type Demand = (what: string, status: number) => void;

/**
 * Takes every capability from the calling thread, for good, and with `identity` makes the process another user's. Other
 * threads keep their capabilities until the process executes another program, which must follow. Throws
 * `BPF_PRIVILEGE_FAILED`; the process must end then, for it may have lost some already.
 */
export function dropPrivileges(identity: Identity | undefined): void {
  const library = koffi.load('libc.so.6');
  const control = bindPrctl(library);
  const must = demand('drop privileges');
  must('clear ambient', control(prctl.ambient, prctl.ambientClearAll, 0, 0, 0));
  emptyBoundingSet(control, must);
  if (identity !== undefined) becomeUser(library, identity, must);
  const header = Uint32Array.of(capabilityVersion, 0);
  const capset = library.func('capset', 'int', ['void *', 'void *']);
  must('capset', capset(header, new Uint32Array(capabilityWords)) as number);
  must('no_new_privs', control(prctl.noNewPrivileges, 1, 0, 0, 0));
}

/**
 * Leaves the calling thread, and what it executes, none but these capabilities, as far as it has them; answers whether there
 * was anything to take. Other threads keep theirs until the process executes another program, which must follow then.
 * Throws `BPF_PRIVILEGE_FAILED`.
 */
export function keepCapabilities(kept: readonly number[]): boolean {
  const status = readFileSync('/proc/thread-self/status', 'utf8');
  const setOf = (name: string): bigint =>
    BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
  const wanted = kept.reduce((sum, capability) => sum | (1n << BigInt(capability)), 0n);
  const [permitted, bounding] = [setOf('CapPrm'), setOf('CapBnd')];
  // Without its capabilities a program gets those of the bounding set again where root executes it.
  const isRoot = process.geteuid?.() === 0;
  if ((permitted & ~wanted) === 0n && (!isRoot || (bounding & ~wanted) === 0n)) return false;
  const library = koffi.load('libc.so.6');
  const control = bindPrctl(library);
  const must = demand('keep few capabilities');
  for (let capability = 0n; capability < capabilitiesMax && isRoot; capability += 1n) {
    if (((bounding & ~wanted) >> capability) % 2n === 0n) continue;
    must(
      `take ${capability} from the bounding set`,
      control(prctl.boundingDrop, capability, 0, 0, 0),
    );
  }
  const left = permitted & wanted;
  const [low, high] = [Number(left & 0xffff_ffffn), Number(left >> 32n)];
  const capset = library.func('capset', 'int', ['void *', 'void *']);
  // Effective, permitted and inheritable, the low half of each before the high one.
  const words = Uint32Array.of(low, low, low, high, high, high);
  must('capset', capset(Uint32Array.of(capabilityVersion, 0), words) as number);
  for (const capability of kept) {
    if (((left >> BigInt(capability)) & 1n) === 0n) continue;
    must(`keep ${capability}`, control(prctl.ambient, prctl.ambientRaise, capability, 0, 0));
  }
  return true;
}

/** Without it, a program that root executes gets all capabilities again. */
function emptyBoundingSet(control: Prctl, must: Demand): void {
  for (let capability = 0; capability < capabilitiesMax; capability += 1) {
    const status = control(prctl.boundingDrop, capability, 0, 0, 0);
    if (status < 0 && koffi.errno() === errnoInvalid) return;
    must(`take capability ${capability} from the bounding set`, status);
  }
}

function becomeUser(library: LibraryHandle, { uid, gid }: Identity, must: Demand): void {
  const setgroups = library.func('setgroups', 'int', ['size_t', 'void *']);
  const setresgid = library.func('setresgid', 'int', ['uint32_t', 'uint32_t', 'uint32_t']);
  const setresuid = library.func('setresuid', 'int', ['uint32_t', 'uint32_t', 'uint32_t']);
  must('leave groups', setgroups(0, null) as number);
  must(`become group ${gid}`, setresgid(gid, gid, gid) as number);
  must(`become user ${uid}`, setresuid(uid, uid, uid) as number);
}

function bindPrctl(library: LibraryHandle): Prctl {
  const words = ['uint64_t', 'uint64_t', 'uint64_t', 'uint64_t'];
  return library.func('prctl', 'int', ['int', ...words]) as Prctl;
}

function demand(purpose: string): Demand {
  return (what, status) => {
    if (status >= 0) return;
    throw new BpfError(`${purpose}: ${what}: ${describeErrno(-koffi.errno())}`, {
      code: 'BPF_PRIVILEGE_FAILED',
    });
  };
}
