// What passes through OpenSSL in a watched process, before it is encrypted and after it was decrypted, told as what passes on
// a connection of its own, named by where the session stands in the process. A session does not know its socket: it is
// the one that its thread received from last when the session first has bytes to give, be it that OpenSSL itself received
// or that the program gave it what it had received, as node and Python's asyncio do.
#include "capture.h"
#include "filter.h"

enum { SESSIONS_MAX = 65536, TCP_STATE_FIN_WAIT2 = 5 };

const volatile __u32 bytes_max = 4096;
const volatile __u32 tail_bytes_max = 1024;

struct session_key {
  __u64 ssl;
  __u32 tgid;
  __u32 padding;
};

// The TCP socket below a session; its cookie is 0 where that is not known.
struct place {
  __u64 cookie;
  // Where it stands in the kernel; it may have gone since, and another in its place has another cookie.
  __u64 socket;
  __u32 local_address[4];
  __u32 peer_address[4];
  __u16 local_port;
  __u16 peer_port;
  __u8 family;
};

struct session {
  // The last call was one to read, and had nothing to give: it may be that the peer has said farewell.
  bool is_read_empty;
  __u64 received;
  __u64 sent;
  __u64 sequence;
  struct place place;
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
  // Where the thread received last.
  struct place place;
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct call);
} calls SEC(".maps");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct atomic64___cookie {
  long long counter;
};

struct sock_common___cookie {
  unsigned char skc_state;
  struct atomic64___cookie skc_cookie;
};

struct sock___cookie {
  struct sock_common___cookie __sk_common;
};

struct pt_regs___call {
  unsigned long cx;
  unsigned long dx;
  unsigned long si;
  unsigned long di;
  unsigned long ax;
};

#pragma clang attribute pop

static __always_inline int enter(void *context, bool is_extended) {
  if (!is_watched_process()) return 0;
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
  event->family = session->place.family;
  event->local_port = session->place.local_port;
  event->peer_port = session->place.peer_port;
}

// Says where the session is; the cookie of its socket stands for the offset, which an opening has none of.
static __always_inline void open_session(struct scratch *scratch, __u64 ssl, struct session *session) {
  begin(scratch, ssl, session);
  struct socket_event *event = &scratch->event;
  event->kind = SOCKET_EVENT_OPEN;
  event->flags = SOCKET_FLAG_MIDWAY;
  event->offset = session->place.cookie;
  __builtin_memcpy(event->local_address, session->place.local_address, sizeof(event->local_address));
  __builtin_memcpy(event->peer_address, session->place.peer_address, sizeof(event->peer_address));
  submit(scratch, attempt());
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
  struct session *session = bpf_map_lookup_elem(&sessions, &key);
  if (session) session->is_read_empty = bytes == 0 && kind == SOCKET_EVENT_RECEIVE;
  if (bytes == 0) return 0;
  __u32 zero = 0;
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
  if (!scratch) return 0;
  if (!session) {
    struct session first = {.place = call->place};
    bpf_map_update_elem(&sessions, &key, &first, BPF_ANY);
    session = bpf_map_lookup_elem(&sessions, &key);
    if (!session) return 0;
    open_session(scratch, key.ssl, session);
  }
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
  submit(scratch, attempt());
  return 0;
}

// Only of threads that have called OpenSSL: others have no record of a call, which is all that they are asked for.
SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_socket_receive, struct sock *socket, int result) {
  if (result <= 0) return 0;
  struct call *call = bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0, 0);
  if (!call) return 0;
  __u16 family = socket->__sk_common.skc_family;
  if (family != FAMILY_INET && family != FAMILY_INET6) return 0;
  __u64 cookie = bpf_get_socket_cookie(socket);
  struct place *place = &call->place;
  if (place->cookie == cookie) return 0;
  place->cookie = cookie;
  place->socket = (__u64)socket;
  place->family = family;
  place->local_port = socket->__sk_common.skc_num;
  place->peer_port = swap_bytes(socket->__sk_common.skc_dport);
  read_addresses(place->local_address, place->peer_address, socket);
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

// Whether the server ends the session by itself: the peer has neither closed the socket below it nor, as far as reading
// has shown, said farewell.
static __always_inline bool is_server_first(struct session *session) {
  struct sock___cookie *socket = (void *)session->place.socket;
  if (!socket || session->is_read_empty) return false;
  if ((__u64)BPF_CORE_READ(socket, __sk_common.skc_cookie.counter) != session->place.cookie) return false;
  __u8 state = BPF_CORE_READ(socket, __sk_common.skc_state);
  return state == TCP_STATE_ESTABLISHED || state == TCP_STATE_FIN_WAIT1 || state == TCP_STATE_FIN_WAIT2;
}

static __always_inline void tell_state(struct scratch *scratch, __u64 ssl, struct session *session, __u8 state) {
  begin(scratch, ssl, session);
  scratch->event.kind = SOCKET_EVENT_STATE;
  scratch->event.state = state;
  submit(scratch, attempt());
}

// Told in the words of TCP, of which a session has the end alone.
SEC("uprobe")
int on_free(void *context) {
  struct pt_regs___call *registers = context;
  struct session_key key = {.ssl = registers->di, .tgid = bpf_get_current_pid_tgid() >> 32};
  struct session *session = bpf_map_lookup_elem(&sessions, &key);
  __u32 zero = 0;
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
  if (!session || !scratch) return 0;
  if (is_server_first(session)) tell_state(scratch, key.ssl, session, TCP_STATE_FIN_WAIT1);
  tell_state(scratch, key.ssl, session, TCP_STATE_CLOSE);
  bpf_map_delete_elem(&sessions, &key);
  return 0;
}

char object_license[] SEC("license") = "GPL";
