// When each write of a watched server was handed to the queue and to the driver: TX timestamps, which the kernel gives to
// programs since 6.15. A stamp is that of the last byte of a write, so that it names its write exactly. When it was
// acknowledged the probe of TCP tells; one record holds both stamps of a write, and a write that left at once has none.
#include "filter.h"
#include "losses.h"

enum stamp_kind {
  STAMP_QUEUED = 1,
  STAMP_SENT = 2,
  // 3 was told by earlier versions, of acknowledgements.
  // Both, one in `queued_ns`.
  STAMP_LEFT = 4,
};

struct stamp_event {
  __u64 time_ns;
  __u64 cookie;
  // Of the byte behind the write's last one, in what was sent on the connection.
  __u64 end_offset;
  __u16 local_port;
  __u8 kind;
  __u8 padding[5];
  __u64 queued_ns;
};

// A write that was with the driver this soon after it began left at once.
const volatile __u64 left_ns_min = 50000;

// Keeps the types in BTF.
const struct stamp_event *unused_stamp_event __attribute__((unused));
const enum stamp_kind *unused_stamp_kind __attribute__((unused));

enum {
  // include/uapi/linux/bpf.h of 6.15: enum of sockops' operations, and the option that asks for them.
  OPERATION_ESTABLISHED = 5,
  OPERATION_QUEUED = 16,
  OPERATION_SENT = 17,
  OPERATION_SENDMSG = 20,
  LEVEL_SOCKET = 1,
  OPTION_CALLBACKS = 1009,
  CALLBACK_STAMPS = 1,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct skb_shared_info {
  __u32 tskey;
};

struct sk_buff___stamp {
  unsigned char *head;
  __u32 end;
};

struct tcp_sock___stamp {
  __u32 snd_una;
  __u64 bytes_acked;
};

struct bpf_sock_ops_kern {
  struct sock *sk;
  struct sk_buff___stamp *skb;
};

#pragma clang attribute pop

extern void *bpf_cast_to_kern_ctx(void *) __ksym;
extern int bpf_sock_ops_enable_tx_tstamp(struct bpf_sock_ops_kern *, __u64) __ksym;

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 2 << 20);
} events SEC(".maps");

// The write that was handed on last, of which a stamp is still to come.
struct stamped_write {
  __u64 begin_ns;
  __u64 queued_ns;
  __u32 last;
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct stamped_write);
} writes SEC(".maps");

static __always_inline struct stamped_write *write_of(struct bpf_sock_ops *context) {
  struct bpf_sock *socket = context->sk;
  return socket ? bpf_sk_storage_get(&writes, socket, 0, BPF_SK_STORAGE_GET_F_CREATE) : NULL;
}

// The number in TCP's sequence of a write's last byte.
static __always_inline __u32 last_byte(struct bpf_sock_ops_kern *kernel) {
  struct sk_buff___stamp *packet = kernel->skb;
  unsigned char *end = packet->head + packet->end;
  return BPF_CORE_READ((struct skb_shared_info *)end, tskey);
}

static __always_inline void tell(struct bpf_sock_ops *context, struct stamp_event *event, __u32 last) {
  struct bpf_sock_ops_kern *kernel = bpf_cast_to_kern_ctx(context);
  struct tcp_sock___stamp *tcp = (void *)kernel->sk;
  struct loss_counts *counts = attempt();
  event->cookie = bpf_get_socket_cookie(context);
  event->end_offset = BPF_CORE_READ(tcp, bytes_acked) + (__s32)(last + 1 - BPF_CORE_READ(tcp, snd_una));
  event->local_port = context->local_port;
  settle(counts, bpf_ringbuf_output(&events, event, sizeof(*event), BPF_RB_NO_WAKEUP));
}

static __always_inline void on_queued(struct bpf_sock_ops *context) {
  struct stamped_write *write = write_of(context);
  if (!write) return;
  // What waits in the queue behind another is told of by itself.
  if (write->queued_ns) {
    struct stamp_event event = {.kind = STAMP_QUEUED, .time_ns = write->queued_ns};
    tell(context, &event, write->last);
  }
  write->queued_ns = bpf_ktime_get_ns();
  write->last = last_byte(bpf_cast_to_kern_ctx(context));
}

static __always_inline void on_sent(struct bpf_sock_ops *context) {
  struct stamped_write *write = write_of(context);
  if (!write) return;
  __u32 last = last_byte(bpf_cast_to_kern_ctx(context));
  struct stamp_event event = {.kind = STAMP_SENT, .time_ns = bpf_ktime_get_ns()};
  if (write->queued_ns && write->last == last) {
    event.kind = STAMP_LEFT;
    event.queued_ns = write->queued_ns;
    write->queued_ns = 0;
    if (event.time_ns - write->begin_ns < left_ns_min) return;
  }
  tell(context, &event, last);
}

SEC("sockops")
int on_operation(struct bpf_sock_ops *context) {
  __u32 flags = CALLBACK_STAMPS;
  struct stamped_write *write;
  switch (context->op) {
  case OPERATION_ESTABLISHED:
    if (is_watched_port(context->local_port))
      bpf_setsockopt(context, LEVEL_SOCKET, OPTION_CALLBACKS, &flags, sizeof(flags));
    break;
  case OPERATION_SENDMSG:
    write = write_of(context);
    if (write) write->begin_ns = bpf_ktime_get_ns();
    bpf_sock_ops_enable_tx_tstamp(bpf_cast_to_kern_ctx(context), 0);
    break;
  case OPERATION_QUEUED:
    on_queued(context);
    break;
  case OPERATION_SENT:
    on_sent(context);
    break;
  }
  return 1;
}

char object_license[] SEC("license") = "GPL";
