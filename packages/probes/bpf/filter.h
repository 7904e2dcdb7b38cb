// Which processes and ports are watched. Everything else is left alone before it costs more than two look-ups.
#pragma once

#include "kernel-types.h"

enum { TARGETS_MAX = 4096, PORTS_MAX = 1024, COMM_BYTES = 16 };

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

static __always_inline bool is_watched_process(void) {
  if (!is_filtered_by_process) return true;
  __u32 tgid = bpf_get_current_pid_tgid() >> 32;
  return bpf_map_lookup_elem(&targets, &tgid) != NULL;
}

static __always_inline bool is_watched_port(__u16 port) {
  return bpf_map_lookup_elem(&ports, &port) != NULL;
}
