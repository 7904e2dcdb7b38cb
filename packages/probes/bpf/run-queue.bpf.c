// How long the threads of watched processes could run and did not: behind other work, or held by their cgroup's limit.
#include "filter.h"
#include "losses.h"

struct run_queue_event {
  __u64 begin_ns;
  __u64 end_ns;
  __u32 tgid;
  __u32 tid;
  // Held by the cgroup's limit, not by other work.
  __u8 is_throttled;
  __u8 padding[7];
};

const struct run_queue_event *unused_run_queue_event __attribute__((unused));

// Shorter waits are not told.
const volatile __u64 wait_ns_min = 100000;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct cfs_rq___held {
  int throttle_count;
};

struct sched_entity___held {
  struct cfs_rq___held *cfs_rq;
};

struct task_struct___held {
  // Linux 6.18 holds single tasks of a throttled group; before that, the group's whole queue.
  bool throttled;
  struct sched_entity___held se;
};

#pragma clang attribute pop

struct wait {
  __u64 begin_ns;
  __u8 is_throttled;
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct wait);
} waits SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} events SEC(".maps");

static __always_inline bool is_watched_task(struct task_struct *task) {
  __u32 tgid = task->tgid;
  return bpf_map_lookup_elem(&targets, &tgid) != NULL;
}

static __always_inline bool is_held(struct task_struct *task) {
  struct task_struct___held *held = (void *)task;
  if (bpf_core_field_exists(held->throttled) && BPF_CORE_READ(held, throttled)) return true;
  struct cfs_rq___held *queue = BPF_CORE_READ(held, se.cfs_rq);
  return queue && bpf_core_field_exists(queue->throttle_count) && BPF_CORE_READ(queue, throttle_count) > 0;
}

static __always_inline void begin_wait(struct task_struct *task) {
  struct wait *wait = bpf_task_storage_get(&waits, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!wait) return;
  if (!wait->begin_ns) wait->begin_ns = bpf_ktime_get_ns();
  wait->is_throttled = is_held(task);
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task) {
  if (is_watched_task(task)) begin_wait(task);
  return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *task) {
  if (is_watched_task(task)) begin_wait(task);
  return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool is_preempted, struct task_struct *from, struct task_struct *to, unsigned int from_state) {
  if ((is_preempted || from_state == 0) && is_watched_task(from)) begin_wait(from);
  if (!is_watched_task(to)) return 0;
  struct wait *wait = bpf_task_storage_get(&waits, to, 0, 0);
  if (!wait || !wait->begin_ns) return 0;
  struct run_queue_event event = {
      .begin_ns = wait->begin_ns,
      .end_ns = bpf_ktime_get_ns(),
      .tgid = to->tgid,
      .tid = to->pid,
      .is_throttled = wait->is_throttled,
  };
  wait->begin_ns = 0;
  if (event.end_ns - event.begin_ns < wait_ns_min) return 0;
  settle(attempt(), bpf_ringbuf_output(&events, &event, sizeof(event), BPF_RB_NO_WAKEUP));
  return 0;
}

char object_license[] SEC("license") = "GPL";
