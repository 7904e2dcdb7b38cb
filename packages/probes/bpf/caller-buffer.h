// The buffer that a system call was given for a socket, found in the registers with which it was entered, and copies of it.
#pragma once

#include "capture.h"

enum { PIECES_MAX = 64, PIECES_QUICK = 4 };

struct io_piece {
  __u64 base;
  __u64 bytes;
};

struct user_message {
  __u64 name;
  __u64 name_bytes;
  __u64 pieces;
  __u64 count;
};

// The caller's buffer: one piece, or an array of them in its memory.
struct buffer {
  struct io_piece one;
  __u64 array;
  __u32 count;
  __u32 scratch_key;
  // What is copied: the bytes from `from` to `to` of all pieces in a row.
  __u64 from;
  __u64 to;
  __u64 position;
  __u32 filled;
};

enum system_call { // x86-64
  CALL_READ = 0,
  CALL_WRITE = 1,
  CALL_READV = 19,
  CALL_WRITEV = 20,
  CALL_SENDTO = 44,
  CALL_RECVFROM = 45,
  CALL_SENDMSG = 46,
  CALL_RECVMSG = 47,
};

static __always_inline void find_buffer(struct buffer *buffer) {
  struct task_struct *task = (void *)bpf_get_current_task_btf();
  struct pt_regs *registers = (void *)bpf_task_pt_regs((void *)task);
  buffer->count = 0;
  switch (registers->orig_ax) {
  case CALL_READ:
  case CALL_WRITE:
  case CALL_SENDTO:
  case CALL_RECVFROM:
    buffer->one.base = registers->si;
    buffer->one.bytes = registers->dx;
    buffer->array = 0;
    buffer->count = 1;
    return;
  case CALL_READV:
  case CALL_WRITEV:
    buffer->array = registers->si;
    buffer->count = registers->dx;
    return;
  case CALL_SENDMSG:
  case CALL_RECVMSG: {
    struct user_message message = {};
    if (bpf_probe_read_user(&message, sizeof(message), (void *)registers->si)) return;
    buffer->array = message.pieces;
    buffer->count = message.count;
    return;
  }
  }
}

static long copy_piece(__u32 index, void *context) {
  struct buffer *buffer = context;
  struct io_piece piece = buffer->one;
  if (buffer->array && bpf_probe_read_user(&piece, sizeof(piece), (void *)(buffer->array + index * sizeof(piece))))
    return 1;
  __u64 begin = buffer->position;
  __u64 end = begin + piece.bytes;
  buffer->position = end;
  if (end <= buffer->from) return 0;
  if (begin >= buffer->to) return 1;
  __u64 skipped = begin < buffer->from ? buffer->from - begin : 0;
  __u64 bytes = (end < buffer->to ? end : buffer->to) - begin - skipped;
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &buffer->scratch_key);
  if (!scratch) return 1;
  __u32 at = buffer->filled;
  if (at >= PAYLOAD_MAX) return 1;
  if (bytes > PAYLOAD_MAX) bytes = PAYLOAD_MAX;
  asm volatile("" : "+r"(bytes));
  if (bytes == 0 || bytes > PAYLOAD_MAX) return 0;
  if (bpf_probe_read_user(scratch->payload + at, bytes, (void *)(piece.base + skipped))) return 1;
  buffer->filled = at + bytes;
  return 0;
}

static __always_inline void copy_range(struct buffer *buffer, __u64 from, __u64 to) {
  buffer->from = from;
  buffer->to = to;
  buffer->position = 0;
  bpf_loop(buffer->count > PIECES_MAX ? PIECES_MAX : buffer->count, copy_piece, buffer, 0);
}

// The usual case: all of a few pieces, their array read at once.
static __always_inline bool copy_few(struct scratch *scratch, struct buffer *buffer, __u32 wanted) {
  struct io_piece pieces[PIECES_QUICK];
  __u64 count = buffer->count;
  if (count == 0 || count > PIECES_QUICK) return false;
  if (!buffer->array)
    pieces[0] = buffer->one;
  else if (bpf_probe_read_user(pieces, count * sizeof(pieces[0]), (void *)buffer->array))
    return false;
  __u32 at = 0;
#pragma unroll
  for (int index = 0; index < PIECES_QUICK; index++) {
    if (index >= count || at >= wanted) break;
    __u64 bytes = pieces[index].bytes;
    if (bytes == 0) continue;
    if (bytes > wanted - at) bytes = wanted - at;
    if (bytes > PAYLOAD_MAX) bytes = PAYLOAD_MAX;
    asm volatile("" : "+r"(bytes));
    asm volatile("" : "+r"(at));
    if (bytes == 0 || bytes > PAYLOAD_MAX || at > PAYLOAD_MAX - 1) return false;
    if (bpf_probe_read_user(scratch->payload + at, bytes, (void *)pieces[index].base)) return false;
    at += bytes;
  }
  buffer->filled = at;
  return true;
}
