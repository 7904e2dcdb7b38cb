import { readFileSync, statSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '@millrace/stdx';
import { sha256Of } from './checksum.ts';
import { readGgufHead } from './gguf.ts';
import type { ModelPlace } from './store.ts';
import { parseTuneRecord, type TuneRecord } from './tune-record.ts';

/** What is known of a model file, kept as JSON. It holds as long as the file's size and time stay the same. */
export interface ModelManifest {
  readonly form: 1;
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly sha256: string;
  /** Where it came from, in words. */
  readonly origin: string;
  readonly encoding: string;
  readonly parameterCount: number;
  /** The file that it is a re-encoding of. */
  readonly madeFrom?: string;
  readonly tuning?: TuneRecord;
}

/** What reading a manifest came to. `outdated`: the model file is another one than it speaks of. */
export type ManifestReading =
  | { readonly kind: 'found'; readonly manifest: ModelManifest }
  | { readonly kind: 'missing' }
  | { readonly kind: 'outdated' }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Reads what is known of a model file. */
export function readManifest({ path, manifestPath }: ModelPlace): ManifestReading {
  let text: string;
  try {
    text = readFileSync(manifestPath, 'utf8');
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return isMissing ? { kind: 'missing' } : { kind: 'unreadable', reason: messageOf(error) };
  }
  let manifest: ModelManifest | undefined;
  try {
    manifest = parseManifest(JSON.parse(text));
  } catch (error) {
    return { kind: 'unreadable', reason: messageOf(error) };
  }
  if (manifest === undefined) return { kind: 'unreadable', reason: 'a field is missing or wrong' };
  const file = statSync(path, { throwIfNoEntry: false });
  const isCurrent = file?.size === manifest.sizeBytes && file.mtimeMs === manifest.modifiedMs;
  return isCurrent ? { kind: 'found', manifest } : { kind: 'outdated' };
}

/** Reads what is known of a model file, and finds it out anew where that is not known or not readable. */
export async function knowModel(
  place: ModelPlace,
  known: { readonly origin: string; readonly tell: (text: string) => void },
): Promise<ModelManifest> {
  const reading = readManifest(place);
  if (reading.kind === 'found') return reading.manifest;
  if (reading.kind === 'unreadable')
    known.tell(`${place.manifestPath} cannot be read (${reading.reason}) and is made anew\n`);
  const manifest = await describeModel(place.path, { origin: known.origin });
  await writeManifest(place, manifest);
  return manifest;
}

/** Finds out what there is to know of a model file. Throws `SERVER_MODEL_UNREADABLE` when it is none. */
export async function describeModel(
  path: string,
  known: { readonly origin: string; readonly sha256?: string; readonly madeFrom?: string },
): Promise<ModelManifest> {
  const { encoding, parameterCount } = readGgufHead(path);
  const sha256 = known.sha256 ?? (await sha256Of(path));
  const { size, mtimeMs } = statSync(path);
  return {
    form: 1,
    path,
    sizeBytes: size,
    modifiedMs: mtimeMs,
    sha256,
    origin: known.origin,
    encoding,
    parameterCount,
    ...(known.madeFrom === undefined ? {} : { madeFrom: known.madeFrom }),
  };
}

/** Keeps what is known of a model file; a reader sees the old text or the new one, never a part. */
export async function writeManifest(
  { manifestPath }: ModelPlace,
  manifest: ModelManifest,
): Promise<void> {
  await mkdir(dirname(manifestPath), { recursive: true });
  const draft = `${manifestPath}.${process.pid}.part`;
  await writeFile(draft, `${JSON.stringify(manifest, null, 2)}\n`);
  await rename(draft, manifestPath);
}

/** A manifest out of parsed JSON; undefined where it has not this form. */
export function parseManifest(value: unknown): ModelManifest | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const areTexts = ['path', 'sha256', 'origin', 'encoding'].every(
    (name) => typeof fields[name] === 'string',
  );
  const areNumbers = ['sizeBytes', 'modifiedMs', 'parameterCount'].every((name) =>
    Number.isFinite(fields[name]),
  );
  const isMadeFromRight = ['undefined', 'string'].includes(typeof fields['madeFrom']);
  if (fields['form'] !== 1 || !areTexts || !areNumbers || !isMadeFromRight) return undefined;
  // What tuning found in another form is forgotten: it is measured again.
  const { tuning, ...rest } = fields;
  const record = parseTuneRecord(tuning);
  return {
    ...(rest as object),
    ...(record === undefined ? {} : { tuning: record }),
  } as ModelManifest;
}
