/** What a program is for; `unknown` where its section's name says nothing that we know. */
export type ProgramKind =
  | 'raw-tracepoint'
  | 'btf-tracepoint'
  | 'tracepoint'
  | 'fentry'
  | 'fexit'
  | 'kprobe'
  | 'kretprobe'
  | 'uprobe'
  | 'uretprobe'
  | 'tc'
  | 'tcx'
  | 'sockops'
  | 'socket'
  | 'iterator'
  | 'unknown';

/** Prefixes of section names (libbpf, "Program Types and ELF Sections"). */
const kinds: Readonly<Record<string, ProgramKind>> = {
  raw_tp: 'raw-tracepoint',
  raw_tracepoint: 'raw-tracepoint',
  tp_btf: 'btf-tracepoint',
  tp: 'tracepoint',
  tracepoint: 'tracepoint',
  fentry: 'fentry',
  fexit: 'fexit',
  kprobe: 'kprobe',
  kretprobe: 'kretprobe',
  uprobe: 'uprobe',
  uretprobe: 'uretprobe',
  tc: 'tc',
  classifier: 'tc',
  tcx: 'tcx',
  sockops: 'sockops',
  socket: 'socket',
  iter: 'iterator',
};

/** What a section's name says of the programs in it. */
export function programKindOf(section: string): {
  readonly kind: ProgramKind;
  readonly target: string;
} {
  const slash = section.indexOf('/');
  // A trailing `.s` marks programs that may sleep.
  const prefix = (slash === -1 ? section : section.slice(0, slash)).replace(/\.s$/, '');
  const target = slash === -1 ? '' : section.slice(slash + 1);
  return { kind: Object.hasOwn(kinds, prefix) ? (kinds[prefix] ?? 'unknown') : 'unknown', target };
}
