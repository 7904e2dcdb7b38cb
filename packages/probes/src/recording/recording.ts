import { ProbesError } from '../errors.ts';

/** What a recording begins with. */
export interface RecordingHead {
  readonly format: 'millrace-recording';
  readonly version: 1;
  /** Nanoseconds since the Unix epoch at the zero of the kernel's monotonic clock. */
  readonly epochNs: number;
  /** Names of the probes that tell, by the number that stands before each of their records. */
  readonly probes: readonly string[];
}

/** One record of a probe, as the kernel wrote it. */
export interface RecordedEvent {
  readonly probe: string;
  readonly view: DataView;
}

/*
 * A recording: a line of JSON (the head), then records until the end of the file:
 *
 *   0 bytes of the record (4, little endian)   4 number of the probe (1)   5 the record
 */
const recordHeadBytes = 5;
const recordBytesMax = 65_536;
const headBytesMax = 65_536;

/** The bytes that a recording begins with. */
export function encodeRecordingHead(head: Omit<RecordingHead, 'format' | 'version'>): Uint8Array {
  const whole: RecordingHead = { format: 'millrace-recording', version: 1, ...head };
  return Buffer.from(`${JSON.stringify(whole)}\n`);
}

/** The bytes of one record; they are a copy. */
export function encodeRecordedEvent(
  probe: number,
  record: { readonly view: DataView; readonly offset: number; readonly byteLength: number },
): Uint8Array {
  const bytes = new Uint8Array(recordHeadBytes + record.byteLength);
  new DataView(bytes.buffer).setUint32(0, record.byteLength, true);
  bytes[4] = probe;
  const { view, offset, byteLength } = record;
  bytes.set(new Uint8Array(view.buffer, view.byteOffset + offset, byteLength), recordHeadBytes);
  return bytes;
}

/** Reads a recording. Throws `PROBES_RECORDING_INVALID`, which names the byte; one that was cut off gives what is whole of it. */
export function readRecording(bytes: Uint8Array): {
  readonly head: RecordingHead;
  readonly events: Iterable<RecordedEvent>;
} {
  const end = bytes.indexOf(0x0a);
  if (end < 0 || end > headBytesMax) throw invalid('its first line is no head');
  const head = readHead(Buffer.from(bytes.subarray(0, end)).toString('utf8'));
  return { head, events: eventsOf(bytes, end + 1, head) };
}

function readHead(text: string): RecordingHead {
  let head: Partial<RecordingHead> | null;
  try {
    head = JSON.parse(text) as Partial<RecordingHead> | null;
  } catch (cause) {
    throw invalid('its first line is no JSON', cause);
  }
  const { format, version, epochNs, probes } = head ?? {};
  if (format !== 'millrace-recording') throw invalid('its first line is no head');
  if (version !== 1) throw invalid(`its version is ${String(version)}; 1 can be read`);
  if (typeof epochNs !== 'number' || !Array.isArray(probes)) throw invalid('its head lacks fields');
  return { format, version, epochNs, probes: probes.map(String) };
}

function* eventsOf(bytes: Uint8Array, from: number, head: RecordingHead): Generator<RecordedEvent> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = from; at + recordHeadBytes <= bytes.length;) {
    const byteLength = view.getUint32(at, true);
    const probe = head.probes[bytes[at + 4] as number];
    if (byteLength > recordBytesMax || probe === undefined) {
      throw invalid(`at byte ${at} there is no record of a known probe`);
    }
    const start = at + recordHeadBytes;
    if (start + byteLength > bytes.length) return;
    yield { probe, view: new DataView(bytes.buffer, bytes.byteOffset + start, byteLength) };
    at = start + byteLength;
  }
}

function invalid(reason: string, cause?: unknown): ProbesError {
  return new ProbesError(`read recording: ${reason}`, { code: 'PROBES_RECORDING_INVALID', cause });
}
