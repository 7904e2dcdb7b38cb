// What a server receives and sends on the connections that it accepted: when, how much, and the beginning of the bytes. Over Unix
// sockets it does so too where its process is a target: they have no port, and the kernel tells of no end of theirs.
//
// The hooks are the socket layer's own tracepoints, which fire once a socket operation and for no other system call,
// with the socket at hand; the caller's buffer is found in the registers with which the system call was entered.
#include "caller-buffer.h"
#include "filter.h"
#include "frame-walk.h"

enum { FLAG_PEEK = 2, ERROR_AGAIN = -11, HAS_NO_SPACE = 2, PATH_BYTES = 32 };

const volatile __u32 receive_bytes_max = 8192;
// Bytes that are captured of what arrives between two sends.
const volatile __u32 request_bytes_max = 32768;
const volatile __u32 send_bytes_max = 4096;
const volatile __u32 tail_bytes_max = 1024;

enum { CHECK_PENDING = 0, CHECK_WATCHED = 1, CHECK_IGNORED = 2 };

// What does not change is kept here, so that it is read of the kernel's structures once for each connection.
struct socket_state {
  __u64 cookie;
  __u64 received;
  __u64 sent;
  __u64 arrival_ns;
  __u64 send_begin_ns;
  __u32 request_bytes;
  __u32 sequence;
  __u16 local_port;
  __u16 peer_port;
  __u8 family;
  __u8 check;
  __u8 flags;
  // What is spoken, an enum speech; frames are followed in both directions.
  __u8 speech;
  struct frame_place receiving;
  struct frame_place sending;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct socket___sending {
  unsigned long flags;
};

struct sock___sending {
  struct socket___sending *sk_socket;
};

struct sockaddr_un___path {
  char sun_path[108];
};

struct unix_address___path {
  struct sockaddr_un___path name[1];
};

// A connection that was accepted bears its listener's address; the client's end has none, nor have pairs.
struct unix_sock___path {
  struct unix_address___path *addr;
};

#pragma clang attribute pop

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct socket_state);
} sockets SEC(".maps");

static __always_inline void learn_place(struct socket_state *state, struct sock *socket) {
  state->cookie = bpf_get_socket_cookie(socket);
  state->family = socket->__sk_common.skc_family;
  if (state->family == FAMILY_UNIX) return;
  state->local_port = socket->__sk_common.skc_num;
  state->peer_port = swap_bytes(socket->__sk_common.skc_dport);
}

static __always_inline void begin_event(struct scratch *scratch, struct socket_state *state) {
  struct socket_event *event = &scratch->event;
  __u64 id = bpf_get_current_pid_tgid();
  event->time_ns = bpf_ktime_get_ns();
  event->begin_ns = 0;
  event->cookie = state->cookie;
  event->offset = 0;
  event->tgid = id >> 32;
  event->tid = (__u32)id;
  event->result = 0;
  event->requested = 0;
  event->head_bytes = event->tail_bytes = 0;
  event->flags = state->flags;
  event->state = 0;
  event->sequence = state->sequence++;
  event->family = state->family;
  event->local_port = state->local_port;
  event->peer_port = state->peer_port;
}

// Both addresses' room holds the beginning of the path.
static __always_inline void read_path(struct socket_event *event, struct sock *socket) {
  struct unix_address___path *address = BPF_CORE_READ((struct unix_sock___path *)socket, addr);
  __u32 at = bpf_core_field_offset(struct unix_address___path, name) + bpf_core_field_offset(struct sockaddr_un___path, sun_path);
  bpf_probe_read_kernel(event->local_address, PATH_BYTES, (char *)address + at);
}

static __always_inline bool is_accepted_unix(struct sock *socket) {
  return is_target(bpf_get_current_pid_tgid() >> 32) && BPF_CORE_READ((struct unix_sock___path *)socket, addr) != NULL;
}

static __always_inline void report_open(struct sock *socket, struct socket_state *state, __u32 scratch_key) {
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &scratch_key);
  if (!scratch) return;
  begin_event(scratch, state);
  scratch->event.kind = SOCKET_EVENT_OPEN;
  if (state->family == FAMILY_UNIX)
    read_path(&scratch->event, socket);
  else
    read_addresses(scratch->event.local_address, scratch->event.peer_address, socket);
  submit(scratch, attempt());
}

// The state of a socket whose operations are reported, or NULL. Runs in the context of the process.
static __always_inline struct socket_state *watched(struct sock *socket, __u32 scratch_key) {
  struct socket_state *state = bpf_sk_storage_get(&sockets, socket, 0, 0);
  if (!state) {
    __u16 family = socket->__sk_common.skc_family;
    if (family == FAMILY_UNIX) {
      if (!is_accepted_unix(socket)) return NULL;
    } else if (family != FAMILY_INET && family != FAMILY_INET6) {
      return NULL;
    } else if (!is_watched_port(socket->__sk_common.skc_num) || !is_watched_process()) {
      return NULL;
    }
    state = bpf_sk_storage_get(&sockets, socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
    if (!state) {
      settle(attempt(), 1);
      return NULL;
    }
    state->flags = SOCKET_FLAG_MIDWAY;
  }
  if (state->check == CHECK_WATCHED) return state;
  if (state->check == CHECK_IGNORED) return NULL;
  if (!is_watched_process()) {
    state->check = CHECK_IGNORED;
    return NULL;
  }
  state->check = CHECK_WATCHED;
  learn_place(state, socket);
  report_open(socket, state, scratch_key);
  return state;
}

static __always_inline void capture(struct scratch *scratch, struct buffer *buffer, __u32 result) {
  struct socket_event *event = &scratch->event;
  __u32 head = event->head_bytes;
  __u32 tail = event->tail_bytes;
  event->head_bytes = event->tail_bytes = 0;
  if (buffer->count == 0) {
    event->flags |= SOCKET_FLAG_NO_BUFFER;
    return;
  }
  event->requested = buffer->array ? 0 : buffer->one.bytes;
  if (!tail && copy_few(scratch, buffer, head)) {
    event->head_bytes = buffer->filled;
    return;
  }
  copy_range(buffer, 0, head);
  event->head_bytes = buffer->filled;
  if (tail && buffer->filled == head) {
    copy_range(buffer, result - tail, result);
    event->tail_bytes = buffer->filled - event->head_bytes;
  }
}

static __always_inline void follow_received(struct scratch *scratch, struct socket_state *state, struct buffer *buffer) {
  if (state->speech == SPEECH_OTHER) return;
  if (state->speech != SPEECH_FRAMES) {
    if (!begins_with_preface(scratch)) {
      state->speech = SPEECH_OTHER;
      return;
    }
    state->speech = SPEECH_FRAMES;
    state->receiving.left = PREFACE_BYTES;
    state->receiving.is_data = 1;
  }
  if (!walk_frames(scratch, &state->receiving, buffer)) state->speech = SPEECH_OTHER;
}

static __always_inline void follow_sent(struct scratch *scratch, struct socket_state *state, struct buffer *buffer) {
  if (state->speech == SPEECH_OTHER) return;
  if (state->speech == SPEECH_UNKNOWN) {
    if (!begins_with_settings(scratch)) {
      state->speech = SPEECH_OTHER;
      return;
    }
    state->speech = SPEECH_SERVER_FIRST;
  }
  if (!walk_frames(scratch, &state->sending, buffer)) state->speech = SPEECH_OTHER;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_receive, struct sock *socket, int result, int flags) {
  if (flags & FLAG_PEEK) return 0;
  struct socket_state *state = watched(socket, 0);
  if (!state) return 0;
  struct loss_counts *counts = attempt();
  if (result == ERROR_AGAIN) {
    discard(counts);
    return 0;
  }
  __u32 key = 0;
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &key);
  if (!scratch) return 0;
  begin_event(scratch, state);
  struct socket_event *event = &scratch->event;
  event->kind = SOCKET_EVENT_RECEIVE;
  event->result = result;
  event->begin_ns = state->arrival_ns;
  event->offset = state->received;
  state->arrival_ns = 0;
  if (result > 0) {
    state->received += result;
    __u32 room = state->request_bytes < request_bytes_max ? request_bytes_max - state->request_bytes : 0;
    __u32 head = result;
    if (head > room) head = room;
    if (head > receive_bytes_max) head = receive_bytes_max;
    if (head > PAYLOAD_MAX) head = PAYLOAD_MAX;
    state->request_bytes += head;
    event->head_bytes = head;
    struct buffer buffer = {.scratch_key = 0};
    find_buffer(&buffer);
    capture(scratch, &buffer, result);
    follow_received(scratch, state, &buffer);
  }
  submit(scratch, counts);
  return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *socket, int result, int flags) {
  struct socket_state *state = watched(socket, 1);
  if (!state) return 0;
  struct loss_counts *counts = attempt();
  __u32 key = 1;
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &key);
  if (!scratch) return 0;
  begin_event(scratch, state);
  struct socket_event *event = &scratch->event;
  event->kind = SOCKET_EVENT_SEND;
  event->result = result;
  event->begin_ns = state->send_begin_ns;
  event->offset = state->sent;
  state->send_begin_ns = 0;
  state->request_bytes = 0;
  // A call that took less than it was given, or nothing, leaves the socket marked as having no space.
  if (((struct sock___sending *)socket)->sk_socket->flags & 1 << HAS_NO_SPACE) event->flags |= SOCKET_FLAG_NO_SPACE;
  if (result > 0) {
    state->sent += result;
    __u32 head = result;
    __u32 tail = 0;
    if (head > send_bytes_max) {
      head = send_bytes_max;
      tail = result - head;
      if (tail > tail_bytes_max) tail = tail_bytes_max;
    }
    event->head_bytes = head;
    event->tail_bytes = tail;
    struct buffer buffer = {.scratch_key = 1};
    find_buffer(&buffer);
    capture(scratch, &buffer, result);
    follow_sent(scratch, state, &buffer);
  }
  submit(scratch, counts);
  return 0;
}

// When a send began: the time that a blocked one waited for room is the difference to its end.
SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(on_send_begin, const struct sock *socket) {
  struct socket_state *state = bpf_sk_storage_get(&sockets, (void *)socket, 0, 0);
  if (state && state->check == CHECK_WATCHED && state->send_begin_ns == 0) state->send_begin_ns = bpf_ktime_get_ns();
  return 0;
}

// When bytes arrived, which may be long before the server reads them.
SEC("tp_btf/sk_data_ready")
int BPF_PROG(on_arrival, const struct sock *socket) {
  struct socket_state *state = bpf_sk_storage_get(&sockets, (void *)socket, 0, 0);
  if (state && state->check != CHECK_IGNORED && state->arrival_ns == 0) state->arrival_ns = bpf_ktime_get_ns();
  return 0;
}

static __always_inline bool is_watched_comm(void) {
  if (!watched_comm[0]) return false;
  char comm[COMM_BYTES] = {};
  bpf_get_current_comm(comm, sizeof(comm));
  for (int at = 0; at < COMM_BYTES; at++) {
    if (comm[at] != watched_comm[at]) return false;
    if (!comm[at]) return true;
  }
  return true;
}

static __always_inline void on_listen(__u16 port) {
  __u32 tgid = bpf_get_current_pid_tgid() >> 32;
  if (is_watched_comm()) add_target(tgid);
  else if (!is_filtered_by_process || !is_target(tgid)) return;
  add_port(port);
}

// Runs in whatever context the packet interrupted: the process is known for a listener only.
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, const struct sock *socket, int from, int to) {
  __u16 port = socket->__sk_common.skc_num;
  if (to == TCP_STATE_LISTEN) {
    on_listen(port);
    return 0;
  }
  if (to == TCP_STATE_ESTABLISHED) {
    if (is_watched_port(port)) bpf_sk_storage_get(&sockets, (void *)socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
    return 0;
  }
  struct socket_state *state = bpf_sk_storage_get(&sockets, (void *)socket, 0, 0);
  if (!state || state->check != CHECK_WATCHED) return 0;
  __u32 key = 2;
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &key);
  if (!scratch) return 0;
  begin_event(scratch, state);
  scratch->event.kind = SOCKET_EVENT_STATE;
  scratch->event.state = to;
  scratch->event.result = from;
  submit(scratch, attempt());
  return 0;
}

// Workers that a watched process forks are watched too.
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child) {
  __u32 tgid = parent->tgid;
  __u32 child_tgid = child->tgid;
  if (tgid != child_tgid && is_target(tgid)) add_target(child_tgid);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task) {
  __u32 tgid = task->tgid;
  if (task->pid == task->tgid && is_target(tgid)) bpf_map_delete_elem(&targets, &tgid);
  return 0;
}

char object_license[] SEC("license") = "GPL";
