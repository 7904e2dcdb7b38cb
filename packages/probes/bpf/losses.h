// The account of each probe: attempted = delivered + dropped + discarded, per CPU, so that no count is ever contended.
#pragma once

#include "kernel-types.h"

struct loss_counts {
  __u64 attempted;
  __u64 delivered;
  __u64 dropped;
  __u64 discarded;
};

// Keeps the type in BTF.
const struct loss_counts *unused_loss_counts __attribute__((unused));

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct loss_counts);
} losses SEC(".maps");

static __always_inline struct loss_counts *attempt(void) {
  __u32 key = 0;
  struct loss_counts *counts = bpf_map_lookup_elem(&losses, &key);
  if (counts) __sync_fetch_and_add(&counts->attempted, 1);
  return counts;
}

static __always_inline void settle(struct loss_counts *counts, long failure) {
  if (!counts) return;
  if (failure)
    __sync_fetch_and_add(&counts->dropped, 1);
  else
    __sync_fetch_and_add(&counts->delivered, 1);
}

static __always_inline void discard(struct loss_counts *counts) {
  if (counts) __sync_fetch_and_add(&counts->discarded, 1);
}
