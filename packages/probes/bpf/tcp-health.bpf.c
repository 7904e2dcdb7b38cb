// What TCP knows of a server's connections: what was acknowledged and when, the peer's window, what was sent again and
// why, resets, and waits in this machine's queues.
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
  // 5 was told by earlier versions, of sockets that took no more; the sockets probe tells it.
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

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock_common___health {
  unsigned short skc_num;
  volatile unsigned char skc_state;
  struct {
    long long counter;
  } skc_cookie;
};

struct sock___health {
  struct sock_common___health __sk_common;
};

struct inet_sock___health {
  __u16 inet_sport;
};

struct Qdisc___health {
  void *enqueue;
};

struct net_device___health {
  struct Qdisc___health *qdisc;
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

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 2 << 20);
} events SEC(".maps");

static __always_inline __u16 local_port(const struct sock *socket) { return socket->__sk_common.skc_num; }

// Of a connection: listening and half-open sockets have none of this.
static __always_inline bool fill(struct tcp_event *event, struct sock *socket) {
  const struct tcp_sock___health *tcp = (void *)bpf_skc_to_tcp_sock(socket);
  if (!tcp) return false;
  const struct inet_connection_sock___health *connection = (const void *)tcp;
  event->time_ns = bpf_ktime_get_ns();
  event->begin_ns = event->segment_begin = event->segment_end = 0;
  event->cookie = bpf_get_socket_cookie(socket);
  event->local_port = local_port(socket);
  __u32 una = tcp->snd_una;
  event->acked = tcp->bytes_acked;
  event->sent = event->acked + (__u32)(tcp->snd_nxt - una);
  event->written = event->acked + (__u32)(tcp->write_seq - una);
  event->window = tcp->snd_wnd;
  event->srtt_us = tcp->srtt_us >> 3;
  event->duplicates = tcp->dsack_dups;
  event->limit = BPF_CORE_READ_BITFIELD(tcp, chrono_type);
  event->congestion = BPF_CORE_READ_BITFIELD(connection, icsk_ca_state);
  event->timeouts = connection->icsk_retransmits;
  return true;
}

// The reader looks at intervals: waking it would be the time of whoever was interrupted.
static __always_inline void submit(struct tcp_event *event) {
  settle(attempt(), bpf_ringbuf_output(&events, event, sizeof(*event), BPF_RB_NO_WAKEUP));
}

// An acknowledgement, before TCP has looked at it: what it says is taken from the packet's own header.
SEC("tp_btf/tcp_probe")
int BPF_PROG(on_acknowledgement, struct sock *socket, const struct sk_buff___health *packet) {
  if (!is_watched_port(local_port(socket))) return 0;
  struct tcp_header header;
  if (bpf_probe_read_kernel(&header, sizeof(header), packet->data)) return 0;
  if (!(header.flags & HEADER_FLAG_ACK)) return 0;
  struct tcp_event event;
  __builtin_memset(event.padding, 0, sizeof(event.padding));
  const struct tcp_sock___health *tcp = (void *)bpf_skc_to_tcp_sock(socket);
  if (!tcp || !fill(&event, socket)) return 0;
  event.kind = TCP_EVENT_ACK;
  __s32 step = __builtin_bswap32(header.acknowledged) - tcp->snd_una;
  if (step > 0) event.acked += step;
  event.window = (__u32)swap_bytes(header.window) << BPF_CORE_READ_BITFIELD(tcp, rx_opt.snd_wscale);
  submit(&event);
  return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, struct sock *socket, const struct sk_buff___health *packet, int failure) {
  if (failure || !is_watched_port(local_port(socket))) return 0;
  struct tcp_event event = {};
  const struct tcp_sock___health *tcp = (void *)bpf_skc_to_tcp_sock(socket);
  if (!tcp || !fill(&event, socket)) return 0;
  event.kind = TCP_EVENT_RETRANSMIT;
  struct tcp_skb_cb___health *control = (void *)packet->cb;
  __u32 una = tcp->snd_una;
  event.segment_begin = event.acked + (__s32)(BPF_CORE_READ(control, seq) - una);
  event.segment_end = event.acked + (__s32)(BPF_CORE_READ(control, end_seq) - una);
  submit(&event);
  return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset, struct sock *socket) {
  if (!is_watched_port(local_port(socket))) return 0;
  struct tcp_event event = {};
  if (!fill(&event, socket)) return 0;
  event.kind = TCP_EVENT_RESET;
  submit(&event);
  return 0;
}

// TCP stamps a packet when it hands it down (skb_mstamp_ns, which is the same member as tstamp); what has passed until
// the driver gets it is the time in this machine's queue. Segments cut from a packet keep its stamp.
SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(on_departure, const struct sk_buff___health *packet, const struct net_device___health *device) {
  // Nothing waits where there is no queue, as on loopback.
  if (!device->qdisc->enqueue) return 0;
  const struct sock___health *socket = packet->sk;
  if (!socket) return 0;
  __u8 state = socket->__sk_common.skc_state;
  // Listening, half-open and waiting sockets are smaller structures than a connection.
  if (state == 0 || state == 3 || state == 6 || state == 10 || state == 12) return 0;
  __u16 port = socket->__sk_common.skc_num;
  if (!is_watched_port(port)) return 0;
  __u64 stamp_ns = packet->tstamp;
  __u64 now_ns = bpf_ktime_get_ns();
  if (stamp_ns == 0 || stamp_ns > now_ns || now_ns - stamp_ns < queued_ns_min) return 0;
  struct tcp_event event = {.kind = TCP_EVENT_QUEUED, .time_ns = now_ns, .begin_ns = stamp_ns, .local_port = port};
  event.cookie = socket->__sk_common.skc_cookie.counter;
  submit(&event);
  return 0;
}

// The server has let go of the connection. After a reset only the port that it had sent from is left of it.
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_release, struct sock *socket) {
  __u16 port = local_port(socket);
  if (!port) port = swap_bytes(BPF_CORE_READ((struct inet_sock___health *)socket, inet_sport));
  if (!is_watched_port(port)) return 0;
  struct tcp_event event = {};
  if (!fill(&event, socket)) return 0;
  event.kind = TCP_EVENT_RELEASED;
  submit(&event);
  return 0;
}

char object_license[] SEC("license") = "GPL";
