import { UnsupportedError } from '@millrace/stdx';
import { readKernelBtf } from '../btf/kernel-btf.ts';
import { BpfError } from '../errors.ts';
import { capabilitiesFor, effectiveCapabilities } from '../programs/capabilities.ts';
import type { VerifiedObject } from '../signing/signature.ts';
import { type ObjectSpec, type ProgramSpec, readObjectSpec } from '../spec/object-spec.ts';
import { describeErrno, errno } from '../sys/errno.ts';
import { type Libbpf, openLibbpf } from '../sys/libbpf.ts';
import { type Attempt, attemptLoad, isLogCut, kernelRelease } from './load-attempt.ts';
import { functionLacksOf, lacksOf, needsKernelTypes } from './compatibility.ts';
import { checkLoadOptions, type LoadOptions, verifierLogBytes } from './load-options.ts';
import { lastVerifierLines, type LoadReport, type ProgramReport } from './load-report.ts';
import { LoadedObject } from './loaded-object.ts';

type Fault = BpfError | UnsupportedError;
type Refusal = Attempt & { readonly kind: 'refused' };

/**
 * Loads programs of an object whose bytes were verified, those very bytes. A program that the kernel refuses is told in
 * the report, and the others are loaded without it; where none is left, the first one's fault is thrown: an
 * `UnsupportedError` that names what is lacking, or a `BpfError`.
 */
export function loadObject(verified: VerifiedObject, options: LoadOptions = {}): LoadedObject {
  checkLoadOptions(options);
  const spec = readObjectSpec(verified.copyBytes());
  const faults = new Map<string, Fault>();
  const wanted = new Set(choosePrograms(spec, options));
  refuseWithoutCapabilities(spec, wanted, faults);
  refuseWithoutKernelTypes(spec, wanted, faults);
  const libbpf = openLibbpf();
  const uprobesBy =
    options.uprobesBy ?? (effectiveCapabilities().has('CAP_SYS_ADMIN') ? 'perf' : 'link');
  const isMulti = uprobesBy === 'link';
  const loaded = loadWhatIsAccepted({ libbpf, spec, options, wanted, faults, isMulti });
  const report: LoadReport = {
    provenance: { ...provenanceOf(verified) },
    libbpfVersion: libbpf.version,
    kernelRelease: kernelRelease(),
    programs: spec.programs.map((program) => reportProgram(program, { wanted, faults })),
    libraryLines: loaded.lines,
  };
  return new LoadedObject({ libbpf, spec, object: loaded.object, report, faults, isMulti });
}

function provenanceOf({ kind, objectHash, keyId }: VerifiedObject): LoadReport['provenance'] {
  return keyId === undefined ? { kind, objectHash } : { kind, objectHash, keyId };
}

function choosePrograms(spec: ObjectSpec, options: LoadOptions): readonly string[] {
  const names = spec.programs.map(({ name }) => name);
  const chosen = options.only ?? names;
  const unknown = chosen.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new BpfError(`load program "${unknown}": the object has only: ${names.join(', ')}`, {
      code: 'BPF_PROGRAM_UNKNOWN',
    });
  }
  return chosen;
}

function refuseWithoutCapabilities(
  spec: ObjectSpec,
  wanted: Set<string>,
  faults: Map<string, Fault>,
): void {
  const held = effectiveCapabilities();
  for (const { name, kind } of spec.programs) {
    if (!wanted.has(name)) continue;
    const lacking = capabilitiesFor(kind).filter((capability) => !held.has(capability));
    if (lacking.length === 0) continue;
    wanted.delete(name);
    faults.set(
      name,
      new UnsupportedError(`load program "${name}": this thread lacks ${lacking.join(', ')}`, {
        code: 'BPF_CAPABILITY_MISSING',
        needs: lacking.join(', '),
      }),
    );
  }
}

/** Names what is missing before the kernel is asked, which would only say that an instruction is invalid. */
function refuseWithoutKernelTypes(
  spec: ObjectSpec,
  wanted: Set<string>,
  faults: Map<string, Fault>,
): void {
  const programs = spec.programs.filter(
    (program) => wanted.has(program.name) && needsKernelTypes(program),
  );
  const callsKernel = spec.programs.some(({ kernelFunctions }) => kernelFunctions.length > 0);
  if (programs.length === 0 && !callsKernel) return;
  const kernel = readKernelBtf();
  const functions = functionLacksOf(spec, kernel);
  if (functions.length > 0) {
    throw new UnsupportedError(
      `load eBPF object: Linux ${kernelRelease()} has no function ${functions.join(', ')}; libbpf loads nothing ` +
        'of an object that calls it, unless it is declared __weak',
      {
        code: 'BPF_KERNEL_UNSUPPORTED',
        needs: `a kernel that has function ${functions.join(', ')}`,
      },
    );
  }
  for (const program of programs) {
    const lacks = lacksOf(program, kernel);
    if (lacks.length === 0) continue;
    wanted.delete(program.name);
    faults.set(
      program.name,
      new UnsupportedError(
        `load program "${program.name}": Linux ${kernelRelease()} has no ${lacks.join(', no ')}`,
        { code: 'BPF_KERNEL_UNSUPPORTED', needs: `a kernel that has ${lacks.join(', ')}` },
      ),
    );
  }
}

interface Loading {
  readonly libbpf: Libbpf;
  readonly spec: ObjectSpec;
  readonly options: LoadOptions;
  readonly wanted: Set<string>;
  readonly faults: Map<string, Fault>;
  readonly isMulti: boolean;
}

/** Takes out what the kernel refuses, one after the other, until it accepts the rest. */
function loadWhatIsAccepted(loading: Loading): Attempt & { readonly kind: 'loaded' } {
  const { wanted, faults, options } = loading;
  const logBytesMax = options.verifierLogBytesMax ?? verifierLogBytes.maxDefault;
  const lines: string[] = [];
  let logBytes: number = verifierLogBytes.first;
  while (wanted.size > 0 || (faults.size === 0 && (options.maps ?? []).length > 0)) {
    const attempt = attemptLoad({ ...loading, logBytes });
    lines.push(...attempt.lines);
    if (attempt.kind === 'loaded') return { ...attempt, lines };
    if (isLogCut(attempt) && logBytes < logBytesMax) {
      logBytes = Math.min(logBytes * 2, logBytesMax);
      continue;
    }
    const refused = namesRefused(attempt, wanted);
    if (refused.length === 0) throw objectFault(attempt);
    for (const name of refused) {
      wanted.delete(name);
      faults.set(name, programFault(name, attempt));
    }
  }
  const [first] = faults.values();
  throw (
    first ??
    new BpfError('load eBPF object: no program was asked for', {
      code: 'BPF_PROGRAM_UNKNOWN',
    })
  );
}

/** Those that the verifier wrote about, or else those that libbpf names in what it wrote last. */
function namesRefused({ logs, lines }: Refusal, wanted: ReadonlySet<string>): readonly string[] {
  if (logs.size > 0) return [...logs.keys()];
  const named = lines.flatMap((line) => /^prog '([^']+)'/.exec(line)?.[1] ?? []);
  const last = named.findLast((name) => wanted.has(name));
  return last === undefined ? [] : [last];
}

function programFault(name: string, { status, logs, lines }: Refusal): Fault {
  const log = logs.get(name) ?? '';
  const own = lines.filter((line) => line.startsWith(`prog '${name}'`));
  if (log !== '') {
    const last = lastVerifierLines(log);
    return new BpfError(
      `load program "${name}": the verifier refused it (${describeErrno(status)}): ` +
        (last.at(-1) ?? 'its log is empty'),
      { code: 'BPF_VERIFIER_REJECTED', verifierLog: log },
    );
  }
  const type = own.map((line) => /failed to find kernel BTF type ID of '([^']+)'/.exec(line)?.[1]);
  const missing = type.find((found) => found !== undefined);
  if (missing !== undefined) {
    return new UnsupportedError(`load program "${name}": this kernel has no "${missing}"`, {
      code: 'BPF_KERNEL_UNSUPPORTED',
      needs: `a kernel whose types (BTF) have "${missing}"`,
    });
  }
  if (status === -errno.notPermitted) {
    return new UnsupportedError(
      `load program "${name}": the kernel refused although the capabilities are there (${describeErrno(status)}); ` +
        'it may not allow this kind of program at all, or be locked down',
      { code: 'BPF_KERNEL_UNSUPPORTED', needs: 'a kernel that allows this kind of program' },
    );
  }
  return new BpfError(
    `load program "${name}": ${describeErrno(status)}${own.length === 0 ? '' : `: ${own.join('; ')}`}`,
    { code: 'BPF_LOAD_FAILED' },
  );
}

function objectFault({ status, lines }: Refusal): Fault {
  const said = lines.length === 0 ? '' : `: ${lines.slice(-4).join('; ')}`;
  return new BpfError(`load eBPF object: ${describeErrno(status)}${said}`, {
    code: 'BPF_LOAD_FAILED',
  });
}

function reportProgram(
  { name, section }: ProgramSpec,
  {
    wanted,
    faults,
  }: { readonly wanted: ReadonlySet<string>; readonly faults: ReadonlyMap<string, Fault> },
): ProgramReport {
  const fault = faults.get(name);
  if (fault === undefined) {
    const isLoaded = wanted.has(name);
    return {
      name,
      section,
      outcome: isLoaded ? 'loaded' : 'skipped',
      reason: isLoaded ? '' : 'it was not asked for',
      verifierLines: [],
      verifierLog: '',
    };
  }
  const verifierLog = (fault instanceof BpfError ? fault.verifierLog : undefined) ?? '';
  return {
    name,
    section,
    outcome: 'failed',
    reason: fault.message,
    code: fault.code,
    ...(fault instanceof UnsupportedError ? { needs: fault.needs } : {}),
    verifierLines: lastVerifierLines(verifierLog),
    verifierLog,
  };
}
