// What the probes of sockets and of TLS have alike: the ring that they tell through, the scratch memory in which a record is
// made, and where a connection is.
#pragma once

#include "losses.h"
#include "socket-event.h"

enum { PAYLOAD_MAX = 8192, MIDDLE_MAX = 4096, SCRATCHES = 3 };

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 8 << 20);
} events SEC(".maps");

struct scratch {
  struct socket_event event;
  // Twice what is captured, so that an offset and a length within bounds are within it too.
  __u8 payload[2 * PAYLOAD_MAX];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SCRATCHES);
  __type(key, __u32);
  __type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline void submit(struct scratch *scratch, struct loss_counts *counts) {
  __u64 bytes = scratch->event.head_bytes + scratch->event.tail_bytes;
  if (scratch->event.flags & SOCKET_FLAG_MIDDLE) bytes += scratch->event.middle_bytes;
  if (bytes > PAYLOAD_MAX + MIDDLE_MAX) bytes = PAYLOAD_MAX + MIDDLE_MAX;
  // The reader looks at intervals: waking it would be the server's time.
  settle(counts, bpf_ringbuf_output(&events, scratch, sizeof(struct socket_event) + bytes, BPF_RB_NO_WAKEUP));
}

// Four words each; of IPv4 the first.
static __always_inline void read_addresses(__u32 *local, __u32 *peer, struct sock *socket) {
  if (socket->__sk_common.skc_family == FAMILY_INET6) {
    BPF_CORE_READ_INTO((__u32(*)[4])local, socket, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32);
    BPF_CORE_READ_INTO((__u32(*)[4])peer, socket, __sk_common.skc_v6_daddr.in6_u.u6_addr32);
    return;
  }
  local[0] = socket->__sk_common.skc_rcv_saddr;
  peer[0] = socket->__sk_common.skc_daddr;
  local[1] = local[2] = local[3] = 0;
  peer[1] = peer[2] = peer[3] = 0;
}
