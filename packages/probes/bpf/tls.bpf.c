// What passes through OpenSSL in a watched process, before it is encrypted and after it was decrypted, told as what passes on
// a connection. A session of TLS has no socket that it knows of: it is a connection of its own, named by where it stands in
// the process.
#include "losses.h"
#include "socket-event.h"

enum { PAYLOAD_MAX = 8192, SESSIONS_MAX = 65536 };

const volatile __u32 bytes_max = 4096;
const volatile __u32 tail_bytes_max = 1024;

struct session_key {
  __u64 ssl;
  __u32 tgid;
  __u32 padding;
};

struct session {
  __u64 received;
  __u64 sent;
  __u64 sequence;
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, SESSIONS_MAX);
  __type(key, struct session_key);
  __type(value, struct session);
} sessions SEC(".maps");

struct call {
  __u64 ssl;
  __u64 buffer;
  __u64 requested;
  // Where the number of bytes is written; 0 where it is returned.
  __u64 done;
  __u64 begin_ns;
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct call);
} calls SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 8 << 20);
} events SEC(".maps");

struct scratch {
  struct socket_event event;
  __u8 payload[2 * PAYLOAD_MAX];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct scratch);
} scratches SEC(".maps");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs___call {
  unsigned long cx;
  unsigned long dx;
  unsigned long si;
  unsigned long di;
  unsigned long ax;
};

#pragma clang attribute pop

static __always_inline int enter(void *context, bool is_extended) {
  struct pt_regs___call *registers = context;
  struct call *call =
      bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!call) return 0;
  call->ssl = registers->di;
  call->buffer = registers->si;
  call->requested = registers->dx;
  call->done = is_extended ? registers->cx : 0;
  call->begin_ns = bpf_ktime_get_ns();
  return 0;
}

static __always_inline __u64 bytes_done(struct pt_regs___call *registers, struct call *call) {
  __s32 returned = (__s32)registers->ax;
  if (returned <= 0) return 0;
  if (!call->done) return returned;
  __u64 bytes = 0;
  bpf_probe_read_user(&bytes, sizeof(bytes), (void *)call->done);
  return bytes;
}

static __always_inline void begin(struct scratch *scratch, __u64 ssl, struct session *session) {
  struct socket_event *event = &scratch->event;
  __builtin_memset(event, 0, sizeof(*event));
  __u64 id = bpf_get_current_pid_tgid();
  event->time_ns = bpf_ktime_get_ns();
  event->tgid = id >> 32;
  event->tid = (__u32)id;
  // Below 2^53, so that it is exact as a double, and above every cookie that the kernel will ever give.
  event->cookie = (1ull << 52) | ((ssl >> 4 ^ (id >> 32) << 36) & ((1ull << 52) - 1));
  event->sequence = session->sequence++;
}

static __always_inline void submit(struct scratch *scratch) {
  __u64 bytes = scratch->event.head_bytes + scratch->event.tail_bytes;
  if (bytes > PAYLOAD_MAX) bytes = PAYLOAD_MAX;
  settle(attempt(), bpf_ringbuf_output(&events, scratch, sizeof(struct socket_event) + bytes, BPF_RB_NO_WAKEUP));
}

static __always_inline void capture(struct scratch *scratch, __u64 buffer, __u64 bytes) {
  __u64 head = bytes < bytes_max ? bytes : bytes_max;
  if (head > PAYLOAD_MAX) head = PAYLOAD_MAX;
  asm volatile("" : "+r"(head));
  if (head == 0 || head > PAYLOAD_MAX) return;
  if (bpf_probe_read_user(scratch->payload, head, (void *)buffer)) {
    scratch->event.flags |= SOCKET_FLAG_NO_BUFFER;
    return;
  }
  scratch->event.head_bytes = head;
  __u64 tail = bytes - head < tail_bytes_max ? bytes - head : tail_bytes_max;
  if (tail > PAYLOAD_MAX - 1) tail = PAYLOAD_MAX - 1;
  asm volatile("" : "+r"(tail));
  if (tail == 0 || tail >= PAYLOAD_MAX || head + tail > PAYLOAD_MAX) return;
  if (bpf_probe_read_user(scratch->payload + head, tail, (void *)(buffer + bytes - tail))) return;
  scratch->event.tail_bytes = tail;
}

static __always_inline int leave(void *context, __u8 kind) {
  struct call *call = bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0, 0);
  if (!call || !call->ssl) return 0;
  struct session_key key = {.ssl = call->ssl, .tgid = bpf_get_current_pid_tgid() >> 32};
  __u64 bytes = bytes_done(context, call);
  call->ssl = 0;
  if (bytes == 0) return 0;
  struct session *session = bpf_map_lookup_elem(&sessions, &key);
  if (!session) {
    struct session none = {};
    bpf_map_update_elem(&sessions, &key, &none, BPF_ANY);
    session = bpf_map_lookup_elem(&sessions, &key);
    if (!session) return 0;
  }
  __u32 zero = 0;
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
  if (!scratch) return 0;
  begin(scratch, key.ssl, session);
  struct socket_event *event = &scratch->event;
  event->kind = kind;
  // The session's beginning was not seen: it may be any age.
  event->flags = SOCKET_FLAG_MIDWAY;
  event->begin_ns = kind == SOCKET_EVENT_SEND ? call->begin_ns : 0;
  event->result = bytes;
  event->requested = call->requested;
  event->offset = kind == SOCKET_EVENT_SEND ? session->sent : session->received;
  if (kind == SOCKET_EVENT_SEND)
    session->sent += bytes;
  else
    session->received += bytes;
  capture(scratch, call->buffer, bytes);
  submit(scratch);
  return 0;
}

SEC("uprobe")
int on_read(void *context) { return enter(context, false); }

SEC("uprobe")
int on_read_extended(void *context) { return enter(context, true); }

SEC("uprobe")
int on_write(void *context) { return enter(context, false); }

SEC("uprobe")
int on_write_extended(void *context) { return enter(context, true); }

SEC("uretprobe")
int on_read_done(void *context) { return leave(context, SOCKET_EVENT_RECEIVE); }

SEC("uretprobe")
int on_write_done(void *context) { return leave(context, SOCKET_EVENT_SEND); }

SEC("uprobe")
int on_free(void *context) {
  struct pt_regs___call *registers = context;
  struct session_key key = {.ssl = registers->di, .tgid = bpf_get_current_pid_tgid() >> 32};
  struct session *session = bpf_map_lookup_elem(&sessions, &key);
  __u32 zero = 0;
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
  if (!session || !scratch) return 0;
  begin(scratch, key.ssl, session);
  scratch->event.kind = SOCKET_EVENT_STATE;
  scratch->event.state = TCP_STATE_CLOSE;
  submit(scratch);
  bpf_map_delete_elem(&sessions, &key);
  return 0;
}

char object_license[] SEC("license") = "GPL";
