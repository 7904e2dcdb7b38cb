import koffi, { type LibraryHandle } from 'koffi';
import { BpfError } from '../errors.ts';
import { describeErrno } from './errno.ts';

/** Numbers of linux/prctl.h. */
const prctl = { boundingDrop: 24, noNewPrivileges: 38, ambient: 47, ambientClearAll: 4 } as const;
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

/**
 * Takes every capability from the calling thread, for good, and with `identity` makes the process another user's. Other
 * threads keep their capabilities until the process executes another program, which must follow. Throws
 * `BPF_PRIVILEGE_FAILED`; the process must end then, for it may have lost some already.
 */
export function dropPrivileges(identity: Identity | undefined): void {
  const library = koffi.load('libc.so.6');
  const control = library.func('prctl', 'int', [
    'int',
    'uint64_t',
    'uint64_t',
    'uint64_t',
    'uint64_t',
  ]);
  const must = (what: string, status: number): void => {
    if (status >= 0) return;
    throw new BpfError(`drop privileges: ${what}: ${describeErrno(-koffi.errno())}`, {
      code: 'BPF_PRIVILEGE_FAILED',
    });
  };
  must('clear ambient', control(prctl.ambient, prctl.ambientClearAll, 0, 0, 0) as number);
  emptyBoundingSet(control as (...args: number[]) => number, must);
  if (identity !== undefined) becomeUser(library, identity, must);
  const header = Uint32Array.of(capabilityVersion, 0);
  const capset = library.func('capset', 'int', ['void *', 'void *']);
  must('capset', capset(header, new Uint32Array(capabilityWords)) as number);
  must('no_new_privs', control(prctl.noNewPrivileges, 1, 0, 0, 0) as number);
}

/** Without it, a program that root executes gets all capabilities again. */
function emptyBoundingSet(
  control: (...args: number[]) => number,
  must: (what: string, status: number) => void,
): void {
  for (let capability = 0; capability < capabilitiesMax; capability += 1) {
    const status = control(prctl.boundingDrop, capability, 0, 0, 0);
    if (status < 0 && koffi.errno() === errnoInvalid) return;
    must(`take capability ${capability} from the bounding set`, status);
  }
}

function becomeUser(
  library: LibraryHandle,
  { uid, gid }: Identity,
  must: (what: string, status: number) => void,
): void {
  const setgroups = library.func('setgroups', 'int', ['size_t', 'void *']);
  const setresgid = library.func('setresgid', 'int', ['uint32_t', 'uint32_t', 'uint32_t']);
  const setresuid = library.func('setresuid', 'int', ['uint32_t', 'uint32_t', 'uint32_t']);
  must('leave groups', setgroups(0, null) as number);
  must(`become group ${gid}`, setresgid(gid, gid, gid) as number);
  must(`become user ${uid}`, setresuid(uid, uid, uid) as number);
}
