import { assert } from '@millrace/stdx';

/**
 * A saved sequence as libllama writes it (llama.cpp v0.5.0, llama_context::state_seq_get_data and
 * llama_kv_cache::state_write), all words of 32 bits:
 *
 *     | magic | sequence | streams S | 0 … 0 | cells | cell data … | 0 … 0 |
 *                                    '------ one count per stream, S in all, data after a count that is not 0
 *
 * libllama refuses a state whose S is not the context's own, although only one stream ever has cells. The portable
 * form has that stream first, and zeros for as many further streams as any context can have behind it:
 *
 *     | magic | sequence | streams | cells | cell data … | 0 … 0 (streamsMax − 1) |
 */
const wordBytes = 4;
const streamsWord = 2;
const headerBytes = 3 * wordBytes;
/** libllama's bound on streams, which are sequences (llama.cpp, src/llama-cparams.h, LLAMA_MAX_SEQ). */
const streamsMax = 256;

/** Bytes to add behind a state so that it can be made portable in place. */
export const portableSlackBytes: number = (streamsMax - 1) * wordBytes;

/** Makes a state portable in its own memory, of which the last `portableSlackBytes` are free; returns the part to keep. */
export function toPortableState(memory: Uint8Array): Uint8Array {
  const view = viewOf(memory);
  const streams = view.getUint32(streamsWord * wordBytes, true);
  assert(streams >= 1 && streams <= streamsMax, 'a state begins with its number of streams');
  let start = headerBytes;
  while (start < headerBytes + (streams - 1) * wordBytes && view.getUint32(start, true) === 0) {
    start += wordBytes;
  }
  const emptyBefore = (start - headerBytes) / wordBytes;
  const end = memory.length - portableSlackBytes - (streams - 1 - emptyBefore) * wordBytes;
  memory.copyWithin(start - headerBytes, 0, headerBytes);
  memory.fill(0, end);
  return memory.subarray(start - headerBytes, end + portableSlackBytes);
}

/** The part of a portable state that a context with `streams` streams takes; writes that number into it. */
export function portableStateFor(state: Uint8Array, streams: number): Uint8Array {
  viewOf(state).setUint32(streamsWord * wordBytes, streams, true);
  return state.subarray(0, state.length - portableSlackBytes + (streams - 1) * wordBytes);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
