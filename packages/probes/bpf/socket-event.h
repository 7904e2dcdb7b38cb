// What the probes of sockets and of TLS tell of a connection.
#pragma once

#include "kernel-types.h"

enum socket_event_kind {
  SOCKET_EVENT_OPEN = 1,
  SOCKET_EVENT_RECEIVE = 2,
  SOCKET_EVENT_SEND = 3,
  SOCKET_EVENT_STATE = 4,
};

enum socket_event_flag {
  // The connection was there before it was watched.
  SOCKET_FLAG_MIDWAY = 1,
  // The caller's buffer could not be found: io_uring, sendfile, splice, a kernel thread.
  SOCKET_FLAG_NO_BUFFER = 2,
  // The socket took less than it was given, and waits for room.
  SOCKET_FLAG_NO_SPACE = 4,
  // Pieces of the operation's middle follow its first and its last bytes.
  SOCKET_FLAG_MIDDLE = 8,
};

// The record's head; the captured bytes follow: the first ones of the operation, then its last ones, then pieces between.
struct socket_event {
  __u64 time_ns;
  // When the first byte arrived (receive), or the call began to copy (send); 0 when unknown.
  __u64 begin_ns;
  __u64 cookie;
  // Bytes of this direction that passed before this operation.
  __u64 offset;
  __u32 tgid;
  __u32 tid;
  // Bytes, or a negative error number; of a change of state the state before.
  __s32 result;
  // Bytes that the caller asked for; 0 when unknown.
  __u32 requested;
  __u16 head_bytes;
  __u16 tail_bytes;
  __u16 local_port;
  __u16 peer_port;
  __u8 kind;
  __u8 flags;
  __u8 state;
  __u8 family;
  __u32 sequence;
  union {
    __u32 local_address[4];
    // Of the pieces of an operation's middle, where there are some.
    __u32 middle_bytes;
  };
  __u32 peer_address[4];
};

// Keeps the types in BTF.
const struct socket_event *unused_socket_event __attribute__((unused));
const enum socket_event_kind *unused_socket_event_kind __attribute__((unused));
const enum socket_event_flag *unused_socket_event_flag __attribute__((unused));
