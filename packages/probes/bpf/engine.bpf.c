// Inside an engine: how long each llama_decode took and how many tokens it was given, and what went through CUDA's calls to
// launch and to copy. Each processor adds to numbers of its own: no lock, no ring, nothing to lose.
#include "filter.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs___stack {
  unsigned long sp;
};

#pragma clang attribute pop

enum { LATENCY_SLOTS = 320, BATCH_SLOTS = 24, SUB_SLOT_BITS = 3 };

struct engine_steps {
  __u64 steps;
  __u64 tokens;
  __u64 total_ns;
  // Steps whose begin was not seen.
  __u64 unpaired;
  // Eight slots for each power of two, in nanoseconds.
  __u64 latency[LATENCY_SLOTS];
  // By the power of two of the tokens in a batch.
  __u64 batch[BATCH_SLOTS];
};

struct device_calls {
  __u64 launches;
  // Of whole graphs, each of which starts many kernels.
  __u64 graph_launches;
  __u64 copies_to_device;
  __u64 bytes_to_device;
  __u64 copies_from_device;
  __u64 bytes_from_device;
  __u64 copies_within_device;
  __u64 bytes_within_device;
  // Whose call does not say where its addresses lie.
  __u64 copies_either_way;
  __u64 bytes_either_way;
};

// CUDA_MEMCPY2D of cuda.h.
struct rows_end {
  __u64 x_bytes;
  __u64 y;
  __u32 memory_type;
  __u32 padding;
  __u64 host;
  __u64 device;
  __u64 array;
  __u64 pitch_bytes;
};

struct rows_copy {
  struct rows_end from;
  struct rows_end to;
  __u64 width_bytes;
  __u64 height;
};

// CUmemorytype of cuda.h.
enum { MEMORY_OF_HOST = 1, MEMORY_OF_DEVICE = 2, MEMORY_OF_ARRAY = 3 };

// Keeps the types in BTF.
const struct engine_steps *unused_engine_steps __attribute__((unused));
const struct device_calls *unused_device_calls __attribute__((unused));

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct engine_steps);
} steps SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct device_calls);
} device SEC(".maps");

struct step_begin {
  __u64 time_ns;
  __u32 tokens;
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct step_begin);
} begins SEC(".maps");

static __always_inline __u32 power_of_two(__u64 value) {
  __u32 power = 0;
#pragma unroll
  for (int step = 32; step > 0; step >>= 1) {
    if (value >> step) {
      value >>= step;
      power += step;
    }
  }
  return power;
}

// llama_decode(context, batch): the batch is passed by value, on the stack behind the return address; its tokens come first.
SEC("uprobe")
int on_decode(struct pt_regs *registers) {
  if (!is_watched_process()) return 0;
  struct step_begin *begin =
      bpf_task_storage_get(&begins, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!begin) return 0;
  __s32 tokens = 0;
  bpf_probe_read_user(&tokens, sizeof(tokens), (void *)(((struct pt_regs___stack *)registers)->sp + 8));
  begin->tokens = tokens > 0 ? tokens : 0;
  begin->time_ns = bpf_ktime_get_ns();
  return 0;
}

SEC("uretprobe")
int on_decoded(void *context) {
  if (!is_watched_process()) return 0;
  __u32 key = 0;
  struct engine_steps *sums = bpf_map_lookup_elem(&steps, &key);
  if (!sums) return 0;
  struct step_begin *begin = bpf_task_storage_get(&begins, bpf_get_current_task_btf(), 0, 0);
  if (!begin || !begin->time_ns) {
    sums->unpaired++;
    return 0;
  }
  __u64 took_ns = bpf_ktime_get_ns() - begin->time_ns;
  begin->time_ns = 0;
  __u32 power = power_of_two(took_ns);
  __u32 sub = power < SUB_SLOT_BITS ? 0 : (took_ns >> (power - SUB_SLOT_BITS)) & ((1 << SUB_SLOT_BITS) - 1);
  __u32 slot = power << SUB_SLOT_BITS | sub;
  if (slot >= LATENCY_SLOTS) slot = LATENCY_SLOTS - 1;
  __u32 batch = power_of_two(begin->tokens);
  if (batch >= BATCH_SLOTS) batch = BATCH_SLOTS - 1;
  sums->steps++;
  sums->tokens += begin->tokens;
  sums->total_ns += took_ns;
  sums->latency[slot]++;
  sums->batch[batch]++;
  return 0;
}

static __always_inline struct device_calls *device_sums(void) {
  if (!is_watched_process()) return NULL;
  __u32 key = 0;
  return bpf_map_lookup_elem(&device, &key);
}

SEC("uprobe")
int on_launch(void *context) {
  struct device_calls *sums = device_sums();
  if (sums) sums->launches++;
  return 0;
}

SEC("uprobe")
int on_graph_launch(void *context) {
  struct device_calls *sums = device_sums();
  if (sums) sums->graph_launches++;
  return 0;
}

// cuMemcpyHtoD(device, host, bytes, …), and so the others: how much is the third argument of all that copy in one piece.
SEC("uprobe")
int on_copy_to_device(struct pt_regs *registers) {
  struct device_calls *sums = device_sums();
  if (!sums) return 0;
  sums->copies_to_device++;
  sums->bytes_to_device += registers->dx;
  return 0;
}

SEC("uprobe")
int on_copy_from_device(struct pt_regs *registers) {
  struct device_calls *sums = device_sums();
  if (!sums) return 0;
  sums->copies_from_device++;
  sums->bytes_from_device += registers->dx;
  return 0;
}

SEC("uprobe")
int on_copy_within_device(struct pt_regs *registers) {
  struct device_calls *sums = device_sums();
  if (!sums) return 0;
  sums->copies_within_device++;
  sums->bytes_within_device += registers->dx;
  return 0;
}

SEC("uprobe")
int on_copy_either_way(struct pt_regs *registers) {
  struct device_calls *sums = device_sums();
  if (!sums) return 0;
  sums->copies_either_way++;
  sums->bytes_either_way += registers->dx;
  return 0;
}

static __always_inline bool is_on_device(__u32 memory_type) {
  return memory_type == MEMORY_OF_DEVICE || memory_type == MEMORY_OF_ARRAY;
}

static __always_inline void count_rows(struct device_calls *sums, struct rows_copy *copy) {
  __u64 bytes = copy->width_bytes * copy->height;
  bool from_device = is_on_device(copy->from.memory_type);
  bool to_device = is_on_device(copy->to.memory_type);
  if (from_device && to_device) {
    sums->copies_within_device++;
    sums->bytes_within_device += bytes;
  } else if (to_device && copy->from.memory_type == MEMORY_OF_HOST) {
    sums->copies_to_device++;
    sums->bytes_to_device += bytes;
  } else if (from_device && copy->to.memory_type == MEMORY_OF_HOST) {
    sums->copies_from_device++;
    sums->bytes_from_device += bytes;
  } else {
    sums->copies_either_way++;
    sums->bytes_either_way += bytes;
  }
}

// cuMemcpy2D(copy, …)
SEC("uprobe")
int on_copy_of_rows(struct pt_regs *registers) {
  struct device_calls *sums = device_sums();
  struct rows_copy copy = {};
  if (!sums || bpf_probe_read_user(&copy, sizeof(copy), (void *)registers->di)) return 0;
  count_rows(sums, &copy);
  return 0;
}

char object_license[] SEC("license") = "GPL";
