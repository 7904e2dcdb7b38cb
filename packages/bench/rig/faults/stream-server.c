/* A small streaming server: HTTP/1.1, server-sent events as chat completions have them, one request at a time.
 *
 *   stream-server [--tokens 40] [--gap-us 20000] [--compute-us 0] [--bytes 60]
 *                 [--pause-at -1] [--pause-us 0] [--large-at -1] [--large-bytes 0]
 *                 [--mark-at -1] [--mark TEXT] [--sndbuf 0] [--extra-at -1] [--extra-us 0]
 *
 * A token takes --compute-us of processor time and then waits, so that one comes each --gap-us. Before token --pause-at
 * its engine sleeps for --pause-us; before --extra-at it computes for --extra-us more. Token --large-at has
 * --large-bytes, token --mark-at the mark. What the socket does not take waits in memory while the engine goes on, as in
 * servers with an event loop. Prints {"port":N}, and once the connection is closed what it knows of the stream itself: when
 * it ended, how long the socket took nothing, and what limited TCP. */
#define _GNU_SOURCE
#include "../rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TOKENS_MAX = 4096, LARGE_BYTES_MAX = 8 << 20 };

static struct {
  long tokens, gap_us, compute_us, bytes, pause_at, pause_us, large_at, large_bytes, mark_at, extra_at, extra_us, sndbuf;
  const char *mark;
} plan;

static uint64_t blocked_ns;

static void read_plan(int argc, char **argv) {
  plan.tokens = number_option(argc, argv, "--tokens", 40);
  plan.gap_us = number_option(argc, argv, "--gap-us", 20000);
  plan.compute_us = number_option(argc, argv, "--compute-us", 0);
  plan.bytes = number_option(argc, argv, "--bytes", 60);
  plan.pause_at = number_option(argc, argv, "--pause-at", -1);
  plan.pause_us = number_option(argc, argv, "--pause-us", 0);
  plan.large_at = number_option(argc, argv, "--large-at", -1);
  plan.large_bytes = number_option(argc, argv, "--large-bytes", 0);
  plan.mark_at = number_option(argc, argv, "--mark-at", -1);
  plan.mark = text_option(argc, argv, "--mark", "");
  plan.extra_at = number_option(argc, argv, "--extra-at", -1);
  plan.extra_us = number_option(argc, argv, "--extra-us", 0);
  plan.sndbuf = number_option(argc, argv, "--sndbuf", 0);
  if (plan.tokens > TOKENS_MAX || plan.large_bytes > LARGE_BYTES_MAX || plan.bytes > LARGE_BYTES_MAX) exit(2);
}

/* Computes for a while as the thread's own processor clock counts it. */
static void compute(long us) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  uint64_t end = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec + (uint64_t)us * 1000;
  volatile uint64_t sink = 0;
  do {
    for (int index = 0; index < 2000; index++) sink += (uint64_t)index * sink + 1;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  } while ((uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec < end);
}

static void append_chunk(struct buffer *out, const char *text, size_t length) {
  buffer_print(out, "%zx\r\n", length);
  buffer_append(out, text, length);
  buffer_append(out, "\r\n", 2);
}

static void append_token(struct buffer *out, long index) {
  long bytes = index == plan.large_at ? plan.large_bytes : plan.bytes;
  struct buffer event = {0};
  buffer_print(&event, "data: {\"object\":\"chat.completion.chunk\",\"model\":\"rig\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"");
  if (index == plan.mark_at) buffer_append(&event, plan.mark, strlen(plan.mark));
  buffer_reserve(&event, (size_t)bytes + 1);
  memset(event.bytes + event.used, 'x', (size_t)bytes);
  event.used += (size_t)bytes;
  buffer_print(&event, "\"},\"finish_reason\":%s}]}\n\n", index == plan.tokens - 1 ? "\"stop\"" : "null");
  if (index == plan.tokens - 1) buffer_print(&event, "data: [DONE]\n\n");
  append_chunk(out, event.bytes, event.used);
  if (index == plan.tokens - 1) buffer_append(out, "0\r\n\r\n", 5);
  buffer_free(&event);
}

/* 0: the connection is gone. */
static int flush_some(int fd, struct buffer *out) {
  while (out->used > 0) {
    ssize_t sent = send(fd, out->bytes, out->used, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return 1;
    if (sent < 0) return 0;
    buffer_drop(out, (size_t)sent);
  }
  return 1;
}

/* Serves the socket until a moment; 0: the connection is gone. A reader that leaves is not looked for, as by servers that
 * only notice when they write. */
static int serve_until(int fd, struct buffer *out, uint64_t until_ns) {
  for (;;) {
    if (!flush_some(fd, out)) return 0;
    uint64_t now = now_ns();
    if (now >= until_ns) return 1;
    uint64_t wait_ns = until_ns - now;
    struct timespec wait = {(time_t)(wait_ns / 1000000000), (long)(wait_ns % 1000000000)};
    struct pollfd polled = {fd, out->used > 0 ? POLLOUT : 0, 0};
    if (out->used == 0) {
      nanosleep(&wait, NULL);
      continue;
    }
    ppoll(&polled, 1, &wait, NULL);
    blocked_ns += now_ns() - now;
  }
}

static int read_request(int fd) {
  struct buffer in = {0};
  for (;;) {
    buffer_reserve(&in, 4096);
    ssize_t got = recv(fd, in.bytes + in.used, in.room - in.used - 1, 0);
    if (got <= 0) return 0;
    in.used += (size_t)got;
    in.bytes[in.used] = 0;
    char *head_end = strstr(in.bytes, "\r\n\r\n");
    if (head_end == NULL) continue;
    char *length = strcasestr(in.bytes, "content-length:");
    size_t body = length == NULL ? 0 : (size_t)atol(length + 15);
    if (in.used >= (size_t)(head_end - in.bytes) + 4 + body) break;
    if (in.used > 65536) return 0;
  }
  buffer_free(&in);
  return 1;
}

/* The members of struct tcp_info (linux/tcp.h) that say what limited a connection, in microseconds. */
static void read_limits(int fd, uint64_t *receiver_us, uint64_t *buffer_us) {
  struct tcp_info info = {0};
  socklen_t length = sizeof info;
  getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
  *receiver_us = info.tcpi_rwnd_limited;
  *buffer_us = info.tcpi_sndbuf_limited;
}

static void stream(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (plan.sndbuf > 0) {
    int bytes = (int)plan.sndbuf;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  }
  if (!read_request(fd)) return;
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  struct buffer out = {0};
  buffer_print(&out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  uint64_t due_ns = now_ns();
  long index = 0;
  for (; index < plan.tokens; index++) {
    due_ns += (uint64_t)plan.gap_us * 1000;
    if (index == plan.pause_at) due_ns += (uint64_t)plan.pause_us * 1000;
    if (plan.compute_us > 0) compute(plan.compute_us);
    if (index == plan.extra_at) compute(plan.extra_us);
    /* An engine that is late does not catch up: the next token takes as long as any. */
    if (now_ns() > due_ns) due_ns = now_ns();
    if (!serve_until(fd, &out, due_ns)) break;
    append_token(&out, index);
    if (!flush_some(fd, &out)) break;
  }
  uint64_t limit_ns = now_ns() + 10000000000u;
  while (out.used > 0 && now_ns() < limit_ns)
    if (!serve_until(fd, &out, now_ns() + 1000000)) break;
}

int main(int argc, char **argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_IGN);
  read_plan(argc, argv);
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
  socklen_t length = sizeof address;
  if (bind(listener, (void *)&address, sizeof address) != 0) die("bind");
  if (listen(listener, 16) != 0) die("listen");
  getsockname(listener, (void *)&address, &length);
  printf("{\"port\":%d}\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) die("accept");
    uint64_t receiver_us = 0, buffer_us = 0;
    blocked_ns = 0;
    stream(fd);
    uint64_t ended_ns = now_ns();
    read_limits(fd, &receiver_us, &buffer_us);
    /* The client closes first, so that what is still on its way arrives. */
    struct pollfd polled = {fd, POLLIN, 0};
    char rest[256];
    for (int tries = 0; tries < 50 && poll(&polled, 1, 100) >= 0; tries++)
      if (polled.revents && recv(fd, rest, sizeof rest, 0) <= 0) break;
    close(fd);
    printf("{\"endedNs\":%lu,\"blockedNs\":%lu,\"receiverLimitedNs\":%lu,\"bufferLimitedNs\":%lu}\n", ended_ns,
           blocked_ns, receiver_us * 1000, buffer_us * 1000);
    fflush(stdout);
  }
}
