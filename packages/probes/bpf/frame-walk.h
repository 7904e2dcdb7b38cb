// HTTP/2 in operations that are longer than what is captured: frames are followed by their lengths, and of the middle that is
// not captured the heads of all frames are told, with what is in frames that carry no data. So whoever reads the events loses
// no frame, and the table of its headers stays whole.
#pragma once

#include "caller-buffer.h"

enum {
  FRAME_HEAD_BYTES = 9,
  FRAME_DATA = 0,
  FRAME_SETTINGS = 4,
  SETTINGS_BYTES_MAX = 600,
  PREFACE_BYTES = 24,
  // Of one operation: an operation that has more is told in part, and its connection is not followed any further.
  WALK_STEPS_MAX = 512,
  PIECE_BYTES_MAX = 512,
  PIECE_HEAD_BYTES = 8,
};

// "PRI * HT"
#define PREFACE_START 0x505249202a204854ULL

enum speech { SPEECH_UNKNOWN = 0, SPEECH_SERVER_FIRST = 1, SPEECH_FRAMES = 2, SPEECH_OTHER = 3 };

// Where one direction of a connection is: within a frame, or within the head of the next one.
struct frame_place {
  // The first eight bytes of a head, as far as they have come, the first of them on top: its length, its type, its flags.
  __u64 head;
  __u32 left;
  __u8 head_bytes;
  __u8 is_data;
};

// A captured piece of an operation's middle, before its bytes; padded to eight.
struct middle_piece {
  __u32 at;
  __u32 bytes;
};

struct frame_walk {
  struct frame_place place;
  struct io_piece piece;
  __u64 array;
  __u32 count;
  __u32 index;
  __u32 scratch_key;
  // In bytes of the operation; what lies from `from` to `to` is not captured otherwise.
  __u32 position;
  __u32 end;
  __u32 from;
  __u32 to;
  // Where the middle stands in the scratch memory, and what of it there is.
  __u32 base;
  __u32 used;
  __u32 is_full;
};

static __always_inline void keep(struct frame_walk *walk, __u32 bytes) {
  __u32 from = walk->position < walk->from ? walk->from : walk->position;
  __u32 to = walk->position + bytes;
  if (to > walk->to) to = walk->to;
  if (from >= to || walk->is_full) return;
  struct middle_piece piece = {.at = from, .bytes = to - from};
  __u64 address = walk->piece.base + (from - walk->position);
  __u32 used = walk->used;
  if (used > MIDDLE_MAX - PIECE_HEAD_BYTES - PIECE_BYTES_MAX || walk->base > PAYLOAD_MAX) {
    walk->is_full = 1;
    return;
  }
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &walk->scratch_key);
  if (!scratch) return;
  __u64 at = walk->base + used;
  if (at > PAYLOAD_MAX + MIDDLE_MAX - PIECE_HEAD_BYTES - PIECE_BYTES_MAX) return;
  __u64 length = piece.bytes;
  asm volatile("" : "+r"(length));
  if (length == 0 || length > PIECE_BYTES_MAX) return;
  bpf_probe_read_kernel(scratch->payload + at, sizeof(piece), &piece);
  bpf_probe_read_user(scratch->payload + at + sizeof(piece), length, (void *)address);
  walk->used = used + PIECE_HEAD_BYTES + ((length + 7) & ~7);
}

// Takes so many bytes of a head; where it is whole, its frame begins.
static __always_inline void take_head(struct frame_walk *walk, __u32 bytes) {
  __u64 head[2] = {};
  __u64 length = bytes;
  asm volatile("" : "+r"(length));
  if (length == 0 || length > FRAME_HEAD_BYTES) return;
  bpf_probe_read_user(head, length, (void *)walk->piece.base);
  struct frame_place *place = &walk->place;
  if (place->head_bytes < sizeof(__u64)) place->head |= __builtin_bswap64(head[0]) >> (8 * (place->head_bytes & 7));
  place->head_bytes += length;
  if (place->head_bytes < FRAME_HEAD_BYTES) return;
  place->left = place->head >> 40;
  place->is_data = (__u8)(place->head >> 32) == FRAME_DATA;
  place->head = 0;
  place->head_bytes = 0;
}

static long walk_step(__u32 step, void *context) {
  struct frame_walk *walk = context;
  if (walk->position >= walk->end) return 1;
  if (walk->piece.bytes == 0) {
    if (walk->index >= walk->count) return 1;
    if (bpf_probe_read_user(&walk->piece, sizeof(walk->piece), (void *)(walk->array + walk->index * sizeof(walk->piece))))
      return 1;
    walk->index++;
    return 0;
  }
  __u64 bytes = walk->end - walk->position;
  if (bytes > walk->piece.bytes) bytes = walk->piece.bytes;
  if (walk->place.left == 0) {
    __u32 lacking = FRAME_HEAD_BYTES - walk->place.head_bytes;
    if (bytes > lacking) bytes = lacking;
    keep(walk, bytes);
    take_head(walk, bytes);
  } else {
    if (bytes > walk->place.left) bytes = walk->place.left;
    if (!walk->place.is_data) {
      if (bytes > PIECE_BYTES_MAX) bytes = PIECE_BYTES_MAX;
      keep(walk, bytes);
    }
    walk->place.left -= bytes;
  }
  walk->piece.base += bytes;
  walk->piece.bytes -= bytes;
  walk->position += bytes;
  return 0;
}

// Follows frames through an operation of which so many bytes are captured at its ends; false where it could not to the end.
static __always_inline bool walk_frames(struct scratch *scratch, struct frame_place *place, struct buffer *buffer) {
  struct socket_event *event = &scratch->event;
  struct frame_walk walk = {
      .place = *place,
      .array = buffer->array,
      .count = buffer->count,
      .scratch_key = buffer->scratch_key,
      .end = event->result,
      .from = event->head_bytes,
      .to = event->result - event->tail_bytes,
      .base = event->head_bytes + event->tail_bytes,
  };
  if (!buffer->array) {
    walk.piece = buffer->one;
    walk.index = walk.count;
  }
  if (buffer->count) bpf_loop(WALK_STEPS_MAX, walk_step, &walk, 0);
  *place = walk.place;
  if (walk.used) {
    event->flags |= SOCKET_FLAG_MIDDLE;
    event->middle_bytes = walk.used;
  }
  return walk.position == walk.end;
}

static __always_inline bool begins_with_preface(struct scratch *scratch) {
  return scratch->event.head_bytes >= sizeof(__u64) && __builtin_bswap64(*(__u64 *)scratch->payload) == PREFACE_START;
}

// A server may speak before its client has: then it begins with its settings (RFC 9113, 3.4).
static __always_inline bool begins_with_settings(struct scratch *scratch) {
  __u8 *bytes = scratch->payload;
  if (scratch->event.head_bytes < FRAME_HEAD_BYTES || bytes[0] || bytes[3] != FRAME_SETTINGS) return false;
  __u32 length = bytes[1] << 8 | bytes[2];
  return length <= SETTINGS_BYTES_MAX && length % 6 == 0 && !bytes[5] && !bytes[6] && !bytes[7] && !bytes[8];
}
