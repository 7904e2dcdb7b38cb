// Which processes and ports are watched. Everything else is left alone for the price of a look into an array.
#pragma once

#include "kernel-types.h"

enum { TARGETS_MAX = 4096, PORTS_MAX = 1024, COMM_BYTES = 16, MARKS = 65536 };

// Whether only processes in `targets` are watched; otherwise any process that serves a watched port is.
const volatile __u32 is_filtered_by_process = 0;
// A process of this name that begins to listen is watched, and its port too. Empty when names do not matter.
const volatile char watched_comm[COMM_BYTES] = {};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, TARGETS_MAX);
  __type(key, __u32);
  __type(value, __u32);
} targets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, PORTS_MAX);
  __type(key, __u16);
  __type(value, __u32);
} ports SEC(".maps");

// One for each port: a look-up in an array is inlined, and a twentieth of one in a hash.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, MARKS);
  __type(key, __u32);
  __type(value, __u8);
} port_marks SEC(".maps");

// One for each number of a process modulo their count. Where there is none, the process is not in `targets`.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, MARKS);
  __type(key, __u32);
  __type(value, __u8);
} target_marks SEC(".maps");

static __always_inline bool is_target(__u32 tgid) {
  __u32 key = tgid & (MARKS - 1);
  __u8 *mark = bpf_map_lookup_elem(&target_marks, &key);
  return mark && *mark && bpf_map_lookup_elem(&targets, &tgid) != NULL;
}

static __always_inline void add_target(__u32 tgid) {
  __u32 key = tgid & (MARKS - 1);
  __u32 one = 1;
  bpf_map_update_elem(&targets, &tgid, &one, BPF_ANY);
  __u8 *mark = bpf_map_lookup_elem(&target_marks, &key);
  if (mark) *mark = 1;
}

static __always_inline bool is_watched_process(void) {
  return !is_filtered_by_process || is_target(bpf_get_current_pid_tgid() >> 32);
}

static __always_inline bool is_watched_port(__u16 port) {
  __u32 key = port;
  __u8 *mark = bpf_map_lookup_elem(&port_marks, &key);
  return mark && *mark;
}

static __always_inline void add_port(__u16 port) {
  __u32 key = port;
  __u32 one = 1;
  bpf_map_update_elem(&ports, &port, &one, BPF_ANY);
  __u8 *mark = bpf_map_lookup_elem(&port_marks, &key);
  if (mark) *mark = 1;
}
