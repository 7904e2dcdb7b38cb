/* A wire between two network namespaces of its own: real packets of two real TCP stacks, delayed and lost as told.
 *
 *   wire [--delay-us 10000] [--mark TEXT] [--drop-times 0] [--outage-us 0]
 *
 * Each namespace belongs to a thread of this process and holds one TUN device, so that all of it goes with the process,
 * however that ends. Prints {"server":TID,"client":TID} when both are up: others join by /proc/PID/task/TID/ns/net.
 * From the server to the client, packets that hold the mark are lost the first --drop-times times; or, with
 * --outage-us, the first one begins an outage in which every packet with data is lost. Prints what was lost on SIGTERM. */
#define _GNU_SOURCE
#include "../rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PACKET_BYTES_MAX = 2048, PACKETS_MAX = 4096, LOST_MAX = 1024 };

struct packet {
  uint64_t due_ns;
  int bytes;
  unsigned char content[PACKET_BYTES_MAX];
};

struct direction {
  int from, to;
  unsigned head, tail;
  struct packet *packets;
};

struct end {
  const char *address;
  int fd;
  long thread;
  pthread_barrier_t *barrier;
};

static struct {
  uint64_t delay_ns, outage_ns, outage_until_ns;
  const char *mark;
  long drop_times;
  uint64_t lost_at_ns[LOST_MAX];
  uint32_t lost_sequence[LOST_MAX];
  long lost, overflowed;
} state;

static volatile sig_atomic_t is_ended;

static void on_signal(int number) {
  (void)number;
  is_ended = 1;
}

static void configure(const char *address, const char *device) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq request = {0};
  strncpy(request.ifr_name, device, IFNAMSIZ - 1);
  struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;
  in->sin_family = AF_INET;
  inet_pton(AF_INET, address, &in->sin_addr);
  if (ioctl(fd, SIOCSIFADDR, &request) != 0) die("SIOCSIFADDR");
  inet_pton(AF_INET, "255.255.255.0", &in->sin_addr);
  if (ioctl(fd, SIOCSIFNETMASK, &request) != 0) die("SIOCSIFNETMASK");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(fd, SIOCSIFFLAGS, &request) != 0) die("SIOCSIFFLAGS");
  close(fd);
}

/* A thread that holds a namespace for as long as the process lives. */
static void *hold_namespace(void *argument) {
  struct end *end = argument;
  if (unshare(CLONE_NEWNET) != 0) die("unshare a network namespace");
  end->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (end->fd < 0) die("/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  strcpy(request.ifr_name, "wire0");
  if (ioctl(end->fd, TUNSETIFF, &request) != 0) die("TUNSETIFF");
  configure(end->address, "wire0");
  end->thread = syscall(SYS_gettid);
  pthread_barrier_wait(end->barrier);
  for (;;) pause();
  return NULL;
}

static int carries_data(const unsigned char *content, int bytes, uint32_t *sequence) {
  const struct iphdr *ip = (const void *)content;
  if (bytes < 40 || ip->version != 4 || ip->protocol != IPPROTO_TCP) return 0;
  const struct tcphdr *tcp = (const void *)(content + ip->ihl * 4);
  *sequence = ntohl(tcp->seq);
  return ntohs(ip->tot_len) > ip->ihl * 4 + tcp->doff * 4;
}

static int is_lost(const struct packet *packet, uint64_t now) {
  uint32_t sequence = 0;
  if (state.mark[0] == 0 || !carries_data(packet->content, packet->bytes, &sequence)) return 0;
  int is_marked = memmem(packet->content, (size_t)packet->bytes, state.mark, strlen(state.mark)) != NULL;
  if (is_marked && state.outage_ns != 0 && state.outage_until_ns == 0) state.outage_until_ns = now + state.outage_ns;
  int is_out = now < state.outage_until_ns;
  if (!is_out && !(is_marked && state.outage_ns == 0 && state.drop_times > 0)) return 0;
  if (!is_out) state.drop_times--;
  if (state.lost < LOST_MAX) {
    state.lost_at_ns[state.lost] = now;
    state.lost_sequence[state.lost] = sequence;
    state.lost++;
  }
  return 1;
}

static void take(struct direction *direction, int can_lose) {
  for (;;) {
    if (direction->head - direction->tail == PACKETS_MAX) {
      unsigned char rest[PACKET_BYTES_MAX];
      if (read(direction->from, rest, sizeof rest) <= 0) return;
      state.overflowed++;
      continue;
    }
    struct packet *packet = &direction->packets[direction->head % PACKETS_MAX];
    packet->bytes = (int)read(direction->from, packet->content, PACKET_BYTES_MAX);
    if (packet->bytes <= 0) return;
    uint64_t now = now_ns();
    if (can_lose && is_lost(packet, now)) continue;
    packet->due_ns = now + state.delay_ns;
    direction->head++;
  }
}

static uint64_t give(struct direction *direction, uint64_t now) {
  while (direction->head != direction->tail) {
    struct packet *packet = &direction->packets[direction->tail % PACKETS_MAX];
    if (packet->due_ns > now) return packet->due_ns;
    if (write(direction->to, packet->content, (size_t)packet->bytes) < 0) state.overflowed++;
    direction->tail++;
  }
  return UINT64_MAX;
}

static void report(void) {
  printf("{\"overflowed\":%ld,\"lost\":[", state.overflowed);
  for (long index = 0; index < state.lost; index++)
    printf("%s[%lu,%u]", index ? "," : "", state.lost_at_ns[index], state.lost_sequence[index]);
  printf("]}\n");
  fflush(stdout);
}

static struct packet *packets(void) {
  struct packet *all = calloc(PACKETS_MAX, sizeof *all);
  if (all == NULL) die("calloc");
  return all;
}

int main(int argc, char **argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() == 1) return 1;
  state.delay_ns = (uint64_t)number_option(argc, argv, "--delay-us", 10000) * 1000;
  state.outage_ns = (uint64_t)number_option(argc, argv, "--outage-us", 0) * 1000;
  state.mark = text_option(argc, argv, "--mark", "");
  state.drop_times = number_option(argc, argv, "--drop-times", 0);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGTERM, &action, NULL);
  /* It must not be late: what it delays, the network delayed. */
  struct sched_param priority = {.sched_priority = 20};
  sched_setscheduler(0, SCHED_FIFO, &priority);
  mlockall(MCL_CURRENT);
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, 3);
  struct end ends[2] = {{.address = "10.77.0.1", .barrier = &barrier}, {.address = "10.77.0.2", .barrier = &barrier}};
  for (int index = 0; index < 2; index++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, hold_namespace, &ends[index]) != 0) die("pthread_create");
  }
  pthread_barrier_wait(&barrier);
  printf("{\"server\":%ld,\"client\":%ld}\n", ends[0].thread, ends[1].thread);
  fflush(stdout);
  struct direction down = {.from = ends[0].fd, .to = ends[1].fd, .packets = packets()};
  struct direction up = {.from = ends[1].fd, .to = ends[0].fd, .packets = packets()};
  while (!is_ended) {
    uint64_t now = now_ns();
    uint64_t next_ns = give(&down, now);
    uint64_t up_ns = give(&up, now);
    if (up_ns < next_ns) next_ns = up_ns;
    uint64_t wait_ns = next_ns == UINT64_MAX ? 100000000 : next_ns - now;
    struct timespec wait = {(time_t)(wait_ns / 1000000000), (long)(wait_ns % 1000000000)};
    struct pollfd polled[2] = {{ends[0].fd, POLLIN, 0}, {ends[1].fd, POLLIN, 0}};
    if (ppoll(polled, 2, &wait, NULL) <= 0) continue;
    if (polled[0].revents) take(&down, 1);
    if (polled[1].revents) take(&up, 0);
  }
  report();
  return 0;
}
