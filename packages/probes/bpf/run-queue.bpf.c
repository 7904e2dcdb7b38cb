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

struct rq___queue {
  __u64 clock;
};

struct cfs_rq___queue {
  int throttle_count;
  struct rq___queue *rq;
};

struct sched_entity___queue {
  struct cfs_rq___queue *cfs_rq;
};

struct sched_info___queue {
  unsigned long long run_delay;
  unsigned long long last_queued;
};

struct task_struct___queue {
  // Linux 6.18 holds single tasks of a throttled group; before that, the group's whole queue.
  bool throttled;
  struct sched_info___queue sched_info;
  struct sched_entity___queue se;
};

#pragma clang attribute pop

struct wait {
  // Of all waits of the thread until it last began to run, as the scheduler counts them.
  __u64 waited_ns;
  __u8 is_known;
  __u8 is_held;
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

static __always_inline bool is_held(struct task_struct *task) {
  struct task_struct___queue *held = (void *)task;
  if (bpf_core_field_exists(held->throttled) && held->throttled) return true;
  struct cfs_rq___queue *queue = held->se.cfs_rq;
  return bpf_core_field_exists(queue->throttle_count) && queue->throttle_count > 0;
}

static __always_inline void mark_held(struct task_struct *task) {
  struct wait *wait = bpf_task_storage_get(&waits, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (wait) wait->is_held = 1;
}

// Only for kernels that hold a group's queue: there a thread may be held from when it wakes.
SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task) {
  if (is_target(task->tgid) && is_held(task)) mark_held(task);
  return 0;
}

// The scheduler counts by itself how long each thread waits in its queues (struct sched_info), also when it is moved
// from one processor's to another's: the sum's growth since the thread last began to run is its wait.
SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool is_preempted, struct task_struct *from, struct task_struct *to, unsigned int from_state) {
  if ((is_preempted || from_state == 0) && is_target(from->tgid) && is_held(from)) mark_held(from);
  if (!is_target(to->tgid)) return 0;
  struct wait *wait = bpf_task_storage_get(&waits, to, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!wait) return 0;
  struct task_struct___queue *task = (void *)to;
  __u64 queued_ns = task->sched_info.last_queued;
  __u64 lately_ns = queued_ns ? task->se.cfs_rq->rq->clock - queued_ns : 0;
  __u64 all_ns = task->sched_info.run_delay + lately_ns;
  __u64 waited_ns = wait->is_known ? all_ns - wait->waited_ns : lately_ns;
  __u8 is_throttled = wait->is_held;
  wait->waited_ns = all_ns;
  wait->is_known = 1;
  wait->is_held = 0;
  if ((__s64)waited_ns < (__s64)wait_ns_min) return 0;
  __u64 now_ns = bpf_ktime_get_ns();
  struct run_queue_event event = {
      .begin_ns = now_ns - waited_ns,
      .end_ns = now_ns,
      .tgid = to->tgid,
      .tid = to->pid,
      .is_throttled = is_throttled,
  };
  settle(attempt(), bpf_ringbuf_output(&events, &event, sizeof(event), BPF_RB_NO_WAKEUP));
  return 0;
}

char object_license[] SEC("license") = "GPL";
