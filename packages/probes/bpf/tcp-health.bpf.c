// What TCP knows of a server's connections: what was acknowledged and when, the peer's window, what was sent again and
// why, resets, waits in this machine's queues, and writes that the socket did not take.
//
// Most of it happens in the context of whatever a packet interrupted, so that it is joined to a server by the socket's
// cookie and to a write by the offset of its last byte in the connection.
#include "filter.h"
#include "losses.h"

struct sk_buff;

enum tcp_event_kind {
  // An acknowledgement arrived.
  TCP_EVENT_ACK = 1,
  // A segment was sent again.
  TCP_EVENT_RETRANSMIT = 2,
  // The peer reset the connection.
  TCP_EVENT_RESET = 3,
  // A packet waited in a queue of this machine from `begin_ns` to `time_ns`.
  TCP_EVENT_QUEUED = 4,
  // The socket took no more from `begin_ns` to `time_ns`.
  TCP_EVENT_BLOCKED = 5,
  // The server has let go of the connection.
  TCP_EVENT_RELEASED = 6,
};

struct tcp_event {
  __u64 time_ns;
  __u64 begin_ns;
  __u64 cookie;
  // Bytes that the peer has acknowledged, with this event.
  __u64 acked;
  // Bytes acknowledged, sent and written so far: what lies between is in flight, or waits to be sent.
  __u64 sent;
  __u64 written;
  // The segment that was sent again.
  __u64 segment_begin;
  __u64 segment_end;
  // The peer's window in bytes, with this event.
  __u32 window;
  __u32 srtt_us;
  __u32 duplicates;
  __u16 local_port;
  __u8 kind;
  __u8 congestion;
  // Timeouts in a row.
  __u8 timeouts;
  // enum tcp_chrono: what limited the connection until this event.
  __u8 limit;
  __u8 padding[6];
};

const struct tcp_event *unused_tcp_event __attribute__((unused));
const enum tcp_event_kind *unused_tcp_event_kind __attribute__((unused));

// Shorter waits are not told.
const volatile __u64 queued_ns_min = 200000;
const volatile __u64 blocked_ns_min = 200000;

enum { SOCKET_HAS_NO_SPACE = 2 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct socket___health {
  unsigned long flags;
};

struct sock_common___health {
  unsigned short skc_num;
  volatile unsigned char skc_state;
  struct {
    long long counter;
  } skc_cookie;
};

struct sock___health {
  struct sock_common___health __sk_common;
  struct socket___health *sk_socket;
};

struct tcp_options_received___health {
  __u16 snd_wscale : 4;
};

struct inet_connection_sock___health {
  __u8 icsk_ca_state : 5;
  __u8 icsk_retransmits;
};

struct tcp_sock___health {
  __u32 snd_una;
  __u32 snd_nxt;
  __u32 write_seq;
  __u32 snd_wnd;
  __u32 srtt_us;
  __u32 dsack_dups;
  __u64 bytes_acked;
  __u8 chrono_type : 2;
  struct tcp_options_received___health rx_opt;
};

struct sk_buff___health {
  unsigned char *data;
  __s64 tstamp;
  struct sock___health *sk;
  char cb[48];
};

struct tcp_skb_cb___health {
  __u32 seq;
  __u32 end_seq;
};

#pragma clang attribute pop

struct tcp_header {
  __u16 source;
  __u16 destination;
  __u32 sequence;
  __u32 acknowledged;
  __u16 flags;
  __u16 window;
};

enum { HEADER_FLAG_ACK = 0x1000 };

struct send_state {
  __u64 begin_ns;
  __u64 blocked_ns;
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct send_state);
} sends SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 2 << 20);
} events SEC(".maps");

static __always_inline __u16 local_port(const void *socket) {
  return BPF_CORE_READ((const struct sock___health *)socket, __sk_common.skc_num);
}

static __always_inline void fill(struct tcp_event *event, const void *socket) {
  const struct tcp_sock___health *tcp = socket;
  const struct inet_connection_sock___health *connection = socket;
  __builtin_memset(event, 0, sizeof(*event));
  event->time_ns = bpf_ktime_get_ns();
  event->cookie = BPF_CORE_READ((const struct sock___health *)socket, __sk_common.skc_cookie.counter);
  event->local_port = local_port(socket);
  __u32 una = BPF_CORE_READ(tcp, snd_una);
  event->acked = BPF_CORE_READ(tcp, bytes_acked);
  event->sent = event->acked + (__u32)(BPF_CORE_READ(tcp, snd_nxt) - una);
  event->written = event->acked + (__u32)(BPF_CORE_READ(tcp, write_seq) - una);
  event->window = BPF_CORE_READ(tcp, snd_wnd);
  event->srtt_us = BPF_CORE_READ(tcp, srtt_us) >> 3;
  event->duplicates = BPF_CORE_READ(tcp, dsack_dups);
  event->limit = BPF_CORE_READ_BITFIELD_PROBED(tcp, chrono_type);
  event->congestion = BPF_CORE_READ_BITFIELD_PROBED(connection, icsk_ca_state);
  event->timeouts = BPF_CORE_READ(connection, icsk_retransmits);
}

// The reader looks at intervals: waking it would be the time of whoever was interrupted.
static __always_inline void submit(struct tcp_event *event) {
  settle(attempt(), bpf_ringbuf_output(&events, event, sizeof(*event), BPF_RB_NO_WAKEUP));
}

// An acknowledgement, before TCP has looked at it: what it says is taken from the packet's own header.
SEC("tp_btf/tcp_probe")
int BPF_PROG(on_acknowledgement, struct sock *socket, const struct sk_buff *packet) {
  if (!is_watched_port(local_port(socket))) return 0;
  struct tcp_header header;
  if (bpf_probe_read_kernel(&header, sizeof(header), BPF_CORE_READ((const struct sk_buff___health *)packet, data)))
    return 0;
  if (!(header.flags & HEADER_FLAG_ACK)) return 0;
  bpf_get_socket_cookie(socket);
  struct tcp_event event;
  fill(&event, socket);
  event.kind = TCP_EVENT_ACK;
  const struct tcp_sock___health *tcp = (const void *)socket;
  __s32 step = __builtin_bswap32(header.acknowledged) - BPF_CORE_READ(tcp, snd_una);
  if (step > 0) event.acked += step;
  event.window = (__u32)swap_bytes(header.window) << BPF_CORE_READ_BITFIELD_PROBED(tcp, rx_opt.snd_wscale);
  submit(&event);
  return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, const struct sock *socket, const struct sk_buff *packet, int failure) {
  if (failure || !is_watched_port(local_port(socket))) return 0;
  struct tcp_event event;
  fill(&event, socket);
  event.kind = TCP_EVENT_RETRANSMIT;
  struct tcp_skb_cb___health *control = (void *)((const struct sk_buff___health *)packet)->cb;
  __u32 una = BPF_CORE_READ((const struct tcp_sock___health *)socket, snd_una);
  event.segment_begin = event.acked + (__s32)(BPF_CORE_READ(control, seq) - una);
  event.segment_end = event.acked + (__s32)(BPF_CORE_READ(control, end_seq) - una);
  submit(&event);
  return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset, struct sock *socket) {
  if (!is_watched_port(local_port(socket))) return 0;
  struct tcp_event event;
  fill(&event, socket);
  event.kind = TCP_EVENT_RESET;
  submit(&event);
  return 0;
}

// TCP stamps a packet when it hands it down (skb_mstamp_ns, which is the same member as tstamp); what has passed until
// the driver gets it is the time in this machine's queue. Segments cut from a packet keep its stamp.
SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(on_departure, const struct sk_buff *packet) {
  const struct sk_buff___health *sent = (const void *)packet;
  const struct sock___health *socket = BPF_CORE_READ(sent, sk);
  if (!socket) return 0;
  __u8 state = BPF_CORE_READ(socket, __sk_common.skc_state);
  // Listening, half-open and waiting sockets are smaller structures than a connection.
  if (state == 0 || state == 3 || state == 6 || state == 10 || state == 12) return 0;
  if (!is_watched_port(local_port(socket))) return 0;
  __u64 stamp_ns = BPF_CORE_READ(sent, tstamp);
  __u64 now_ns = bpf_ktime_get_ns();
  if (stamp_ns == 0 || stamp_ns > now_ns || now_ns - stamp_ns < queued_ns_min) return 0;
  struct tcp_event event;
  fill(&event, socket);
  event.kind = TCP_EVENT_QUEUED;
  event.begin_ns = stamp_ns;
  submit(&event);
  return 0;
}

static __always_inline void tell_blocked(const void *socket, __u64 begin_ns) {
  struct tcp_event event;
  fill(&event, socket);
  if (event.time_ns - begin_ns < blocked_ns_min) return;
  event.kind = TCP_EVENT_BLOCKED;
  event.begin_ns = begin_ns;
  submit(&event);
}

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(on_send_begin, const struct sock *socket) {
  if (!is_watched_port(local_port(socket))) return 0;
  struct send_state *state = bpf_sk_storage_get(&sends, (void *)socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!state || state->begin_ns) return 0;
  state->begin_ns = bpf_ktime_get_ns();
  if (state->blocked_ns) tell_blocked(socket, state->blocked_ns);
  state->blocked_ns = 0;
  return 0;
}

// A call that took less than it was given, or nothing, leaves the socket marked as having no space.
SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send_end, struct sock *socket) {
  struct send_state *state = bpf_sk_storage_get(&sends, socket, 0, 0);
  if (!state) return 0;
  if (state->begin_ns) tell_blocked(socket, state->begin_ns);
  state->begin_ns = 0;
  unsigned long flags = BPF_CORE_READ((struct sock___health *)socket, sk_socket, flags);
  if (flags & 1 << SOCKET_HAS_NO_SPACE) state->blocked_ns = bpf_ktime_get_ns();
  return 0;
}

// The server has let go of the connection. After a reset it has no port any more: what was sent on it tells it.
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_release, struct sock *socket) {
  struct send_state *state = bpf_sk_storage_get(&sends, socket, 0, 0);
  if (!state) return 0;
  if (state->blocked_ns) tell_blocked(socket, state->blocked_ns);
  struct tcp_event event;
  fill(&event, socket);
  event.kind = TCP_EVENT_RELEASED;
  submit(&event);
  return 0;
}

char object_license[] SEC("license") = "GPL";
