// What the parts of a probe cost, each as a program of its own, run by BPF_PROG_TEST_RUN.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u64 ring_flags = 0;

struct sample {
  __u64 at_ns;
  __u64 sequence;
  __u32 tgid;
  __u32 kind;
  __u64 bytes;
  __u8 rest[32];
};

// Keeps the type in BTF.
const struct sample *unused_sample __attribute__((unused));

enum { BUCKETS = 64 };

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, BUCKETS);
  __type(key, __u32);
  __type(value, __u64);
} percpu_buckets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, BUCKETS);
  __type(key, __u32);
  __type(value, __u64);
} shared_buckets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, __u64);
} hashed_buckets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, __u64);
} percpu_hashed_buckets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 22);
} samples SEC(".maps");

// attempted, dropped
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, __u64);
} account SEC(".maps");

static __always_inline __u32 bucket_of(struct __sk_buff *packet) {
  // A value that the compiler does not know; its logarithm by halving, as a histogram of times takes it.
  __u32 value = packet->len, bucket = 0;
  if (value >> 16) { bucket += 16; value >>= 16; }
  if (value >> 8) { bucket += 8; value >>= 8; }
  if (value >> 4) { bucket += 4; value >>= 4; }
  if (value >> 2) { bucket += 2; value >>= 2; }
  return bucket + (value >> 1);
}

SEC("tc")
int empty(struct __sk_buff *packet) {
  return 0;
}

SEC("tc")
int percpu_array_histogram(struct __sk_buff *packet) {
  __u32 bucket = bucket_of(packet) & (BUCKETS - 1);
  __u64 *count = bpf_map_lookup_elem(&percpu_buckets, &bucket);
  if (count) *count += 1;
  return 0;
}

SEC("tc")
int array_atomic(struct __sk_buff *packet) {
  __u32 bucket = bucket_of(packet) & (BUCKETS - 1);
  __u64 *count = bpf_map_lookup_elem(&shared_buckets, &bucket);
  if (count) __sync_fetch_and_add(count, 1);
  return 0;
}

SEC("tc")
int hash_atomic(struct __sk_buff *packet) {
  __u32 bucket = bucket_of(packet) & (BUCKETS - 1);
  __u64 *count = bpf_map_lookup_elem(&hashed_buckets, &bucket);
  if (count)
    __sync_fetch_and_add(count, 1);
  else {
    __u64 one = 1;
    bpf_map_update_elem(&hashed_buckets, &bucket, &one, BPF_ANY);
  }
  return 0;
}

SEC("tc")
int percpu_hash(struct __sk_buff *packet) {
  __u32 bucket = bucket_of(packet) & (BUCKETS - 1);
  __u64 *count = bpf_map_lookup_elem(&percpu_hashed_buckets, &bucket);
  if (count)
    *count += 1;
  else {
    __u64 one = 1;
    bpf_map_update_elem(&percpu_hashed_buckets, &bucket, &one, BPF_ANY);
  }
  return 0;
}

SEC("tc")
int clock(struct __sk_buff *packet) {
  __u64 now = bpf_ktime_get_ns();
  return now == 0;
}

SEC("tc")
int start_and_stop(struct __sk_buff *packet) {
  __u32 key = packet->len;
  __u64 now = bpf_ktime_get_ns();
  bpf_map_update_elem(&hashed_buckets, &key, &now, BPF_ANY);
  bpf_map_delete_elem(&hashed_buckets, &key);
  return 0;
}

static __always_inline void add(__u32 key) {
  __u64 *count = bpf_map_lookup_elem(&account, &key);
  if (count) *count += 1;
}

SEC("tc")
int ring_sample(struct __sk_buff *packet) {
  __u32 key = 0;
  add(0);
  struct sample *sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
  if (!sample) {
    add(1);
    return 0;
  }
  __u64 *count = bpf_map_lookup_elem(&account, &key);
  sample->at_ns = bpf_ktime_get_ns();
  sample->sequence = count ? *count : 0;
  sample->tgid = 1;
  sample->kind = 2;
  sample->bytes = packet->len;
  bpf_ringbuf_submit(sample, ring_flags);
  return 0;
}

char object_license[] SEC("license") = "GPL";
