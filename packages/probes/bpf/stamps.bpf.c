// When each write of a watched server was handed to the queue, to the driver, and acknowledged: TX timestamps, which the kernel
// gives to programs since 6.15. A stamp is that of the last byte of a write, so that it names its write exactly.
#include "filter.h"
#include "losses.h"

enum stamp_kind { STAMP_QUEUED = 1, STAMP_SENT = 2, STAMP_ACKNOWLEDGED = 3 };

struct stamp_event {
  __u64 time_ns;
  __u64 cookie;
  // Of the byte behind the write's last one, in what was sent on the connection.
  __u64 end_offset;
  __u16 local_port;
  __u8 kind;
  __u8 padding[5];
};

// Keeps the types in BTF.
const struct stamp_event *unused_stamp_event __attribute__((unused));
const enum stamp_kind *unused_stamp_kind __attribute__((unused));

enum {
  // include/uapi/linux/bpf.h of 6.15: enum of sockops' operations, and the option that asks for them.
  OPERATION_ESTABLISHED = 5,
  OPERATION_QUEUED = 16,
  OPERATION_SENT = 17,
  OPERATION_ACKNOWLEDGED = 19,
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

static __always_inline void tell(struct bpf_sock_ops *context, __u8 kind) {
  struct bpf_sock_ops_kern *kernel = bpf_cast_to_kern_ctx(context);
  struct sk_buff___stamp *packet = kernel->skb;
  struct tcp_sock___stamp *tcp = (void *)kernel->sk;
  unsigned char *end = BPF_CORE_READ(packet, head) + BPF_CORE_READ(packet, end);
  __u32 last = BPF_CORE_READ((struct skb_shared_info *)end, tskey);
  struct loss_counts *counts = attempt();
  struct stamp_event event = {.time_ns = bpf_ktime_get_ns(), .cookie = bpf_get_socket_cookie(context), .kind = kind};
  event.end_offset = BPF_CORE_READ(tcp, bytes_acked) + (__s32)(last + 1 - BPF_CORE_READ(tcp, snd_una));
  event.local_port = context->local_port;
  settle(counts, bpf_ringbuf_output(&events, &event, sizeof(event), BPF_RB_NO_WAKEUP));
}

SEC("sockops")
int on_operation(struct bpf_sock_ops *context) {
  __u32 flags = CALLBACK_STAMPS;
  switch (context->op) {
  case OPERATION_ESTABLISHED:
    if (is_watched_port(context->local_port))
      bpf_setsockopt(context, LEVEL_SOCKET, OPTION_CALLBACKS, &flags, sizeof(flags));
    break;
  case OPERATION_SENDMSG:
    bpf_sock_ops_enable_tx_tstamp(bpf_cast_to_kern_ctx(context), 0);
    break;
  case OPERATION_QUEUED:
    tell(context, STAMP_QUEUED);
    break;
  case OPERATION_SENT:
    tell(context, STAMP_SENT);
    break;
  case OPERATION_ACKNOWLEDGED:
    tell(context, STAMP_ACKNOWLEDGED);
    break;
  }
  return 1;
}

char object_license[] SEC("license") = "GPL";
