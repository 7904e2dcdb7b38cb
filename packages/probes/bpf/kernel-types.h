// What the probes read of the kernel's own types. Only the names of members matter: their offsets are taken from the
// running kernel's BTF when a program is loaded (CO-RE).
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_address_words {
  __u32 u6_addr32[4];
};

struct in6_addr {
  struct in6_address_words in6_u;
};

struct sock_common {
  __u32 skc_daddr;
  __u32 skc_rcv_saddr;
  __u16 skc_dport;
  __u16 skc_num;
  unsigned short skc_family;
  volatile unsigned char skc_state;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
  struct sock_common __sk_common;
};

struct inet_connection_sock {
  __u8 icsk_ca_state : 5;
  __u8 icsk_retransmits;
  __u8 icsk_pending;
};

struct tcp_sock {
  __u32 snd_wnd;
  __u32 srtt_us;
  __u32 rtt_us;
  __u32 total_retrans;
  __u32 tlp_high_seq;
  __u32 dsack_dups;
  __u64 bytes_received;
  __u64 bytes_sent;
};

struct pt_regs {
  unsigned long r10;
  unsigned long dx;
  unsigned long si;
  unsigned long di;
  unsigned long orig_ax;
};

struct cfs_rq;

struct task_struct {
  int pid;
  int tgid;
  unsigned int __state;
  struct task_struct *group_leader;
  struct task_struct *real_parent;
  char comm[16];
};

#pragma clang attribute pop

enum { FAMILY_UNIX = 1, FAMILY_INET = 2, FAMILY_INET6 = 10 };

enum {
  TCP_STATE_ESTABLISHED = 1,
  TCP_STATE_FIN_WAIT1 = 4,
  TCP_STATE_CLOSE = 7,
  TCP_STATE_CLOSE_WAIT = 8,
  TCP_STATE_LISTEN = 10,
};

static __always_inline __u16 swap_bytes(__u16 value) { return (__u16)(value << 8 | value >> 8); }
