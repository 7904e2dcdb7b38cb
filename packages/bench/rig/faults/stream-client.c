/* Asks stream-server for one stream and tells when each event had come whole.
 *
 *   stream-client --host A --port N [--rcvbuf 0] [--stop-at -1] [--stop-us 0] [--leave-at -1] [--reset 0] [--limit-ms 20000]
 *
 * After event --stop-at it reads nothing for --stop-us. After event --leave-at it leaves: by a reset, or by closing.
 * Prints {"startNs":…,"endNs":…,"isWhole":…,"events":[ns,…]}. */
#define _GNU_SOURCE
#include "../rig.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_MAX = 8192 };

static uint64_t event_ns[EVENTS_MAX];

static int connect_to(int argc, char **argv) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int rcvbuf = (int)number_option(argc, argv, "--rcvbuf", 0);
  if (rcvbuf > 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number_option(argc, argv, "--port", 0))};
  inet_pton(AF_INET, text_option(argc, argv, "--host", "10.77.0.1"), &address.sin_addr);
  if (connect(fd, (void *)&address, sizeof address) != 0) die("connect");
  return fd;
}

static void ask(int fd) {
  const char *body = "{\"model\":\"rig\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"go\"}]}";
  struct buffer request = {0};
  buffer_print(&request, "POST /v1/chat/completions HTTP/1.1\r\nHost: rig\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
               strlen(body), body);
  if (send(fd, request.bytes, request.used, 0) != (ssize_t)request.used) die("send");
  buffer_free(&request);
}

static void leave(int fd, int is_reset) {
  struct linger linger = {1, 0};
  if (is_reset) setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(fd);
}

int main(int argc, char **argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  long stop_at = number_option(argc, argv, "--stop-at", -1);
  long stop_us = number_option(argc, argv, "--stop-us", 0);
  long leave_at = number_option(argc, argv, "--leave-at", -1);
  uint64_t limit_ns = now_ns() + (uint64_t)number_option(argc, argv, "--limit-ms", 20000) * 1000000;
  int fd = connect_to(argc, argv);
  uint64_t start_ns = now_ns();
  ask(fd);
  long events = 0;
  int is_whole = 0, has_left = 0, newlines = 0;
  char tail[5] = {0};
  static char bytes[65536];
  while (!is_whole && !has_left && now_ns() < limit_ns) {
    struct pollfd polled = {fd, POLLIN, 0};
    if (poll(&polled, 1, 100) <= 0) continue;
    ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    if (got <= 0) break;
    uint64_t now = now_ns();
    long before = events;
    for (ssize_t at = 0; at < got; at++) {
      newlines = bytes[at] == '\n' ? newlines + 1 : 0;
      if (newlines == 2 && events < EVENTS_MAX) event_ns[events++] = now;
      memmove(tail, tail + 1, 4);
      tail[4] = bytes[at];
      if (memcmp(tail, "0\r\n\r\n", 5) == 0) is_whole = 1;
    }
    if (stop_at >= before && stop_at < events) usleep((useconds_t)stop_us);
    if (leave_at >= before && leave_at < events) has_left = 1;
  }
  uint64_t end_ns = now_ns();
  leave(fd, has_left && number_option(argc, argv, "--reset", 0));
  printf("{\"startNs\":%lu,\"endNs\":%lu,\"isWhole\":%s,\"events\":[", start_ns, end_ns, is_whole ? "true" : "false");
  for (long index = 0; index < events; index++) printf("%s%lu", index ? "," : "", event_ns[index]);
  printf("]}\n");
  return 0;
}
