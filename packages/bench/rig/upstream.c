/* A mock of an OpenAI-compatible engine: answers of a fixed size, streams of a fixed beat.
 *
 *   upstream [--port 0 | --unix PATH] [--body-bytes 1024] [--events 128] [--gap-us 5000]
 *            [--jitter-us 0] [--delay-us 0] [--seed 1]
 *
 * Prints {"port":N} once it listens and its counts when it gets SIGTERM. Each event carries the time
 * it was sent at in `system_fingerprint`, as "ns-" and CLOCK_MONOTONIC in nanoseconds: a member of
 * the protocol, so that proxies that parse and write events anew keep it. */
#define _GNU_SOURCE
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BODY_BYTES_MAX (16u << 20)
#define HEAD_BYTES_MAX (64u << 10)

struct connection {
  int fd, is_waiting_to_write, is_chat, is_streaming, is_unary_due;
  long events_left;
  uint64_t due_ns;
  size_t heap_index; /* 1-based; 0: no timer */
  struct buffer in, out;
};

static struct {
  long body_bytes, events, gap_us, jitter_us, delay_us;
  uint64_t random;
  int epoll, timer, listener;
  struct connection **heap;
  size_t heap_used, heap_room;
  uint64_t connections, unary, streams, events_sent, aborted, refused;
  struct buffer unary_answer;
} state;

static void heap_put(size_t index, struct connection *connection) {
  state.heap[index] = connection;
  connection->heap_index = index;
}

static void heap_settle(size_t index) {
  struct connection *moved = state.heap[index];
  while (index > 1 && state.heap[index / 2]->due_ns > moved->due_ns) {
    heap_put(index, state.heap[index / 2]);
    index /= 2;
  }
  for (;;) {
    size_t child = index * 2;
    if (child > state.heap_used) break;
    if (child < state.heap_used && state.heap[child + 1]->due_ns < state.heap[child]->due_ns) child++;
    if (state.heap[child]->due_ns >= moved->due_ns) break;
    heap_put(index, state.heap[child]);
    index = child;
  }
  heap_put(index, moved);
}

static void heap_remove(struct connection *connection) {
  size_t index = connection->heap_index;
  if (index == 0) return;
  connection->heap_index = 0;
  struct connection *last = state.heap[state.heap_used--];
  if (last == connection) return;
  heap_put(index, last);
  heap_settle(index);
}

static void heap_add(struct connection *connection, uint64_t due_ns) {
  if (state.heap_used + 2 > state.heap_room) {
    state.heap_room = state.heap_room == 0 ? 1024 : state.heap_room * 2;
    state.heap = realloc(state.heap, state.heap_room * sizeof *state.heap);
    if (state.heap == NULL) die("realloc");
  }
  connection->due_ns = due_ns;
  state.heap[++state.heap_used] = connection;
  connection->heap_index = state.heap_used;
  heap_settle(state.heap_used);
}

static void close_connection(struct connection *connection) {
  if (connection->is_streaming || connection->is_unary_due) state.aborted++;
  heap_remove(connection);
  close(connection->fd);
  buffer_free(&connection->in);
  buffer_free(&connection->out);
  free(connection);
}

/* Writes what it can; 0 where the connection is gone. */
static int flush(struct connection *connection) {
  size_t sent = 0;
  while (sent < connection->out.used) {
    ssize_t wrote = send(connection->fd, connection->out.bytes + sent, connection->out.used - sent, MSG_NOSIGNAL);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EAGAIN) break;
    if (wrote < 0) return 0;
    sent += (size_t)wrote;
  }
  if (sent > 0) buffer_drop(&connection->out, sent);
  int must_wait = connection->out.used > 0;
  if (must_wait != connection->is_waiting_to_write) {
    connection->is_waiting_to_write = must_wait;
    struct epoll_event event = {.events = EPOLLIN | (must_wait ? EPOLLOUT : 0), .data.ptr = connection};
    epoll_ctl(state.epoll, EPOLL_CTL_MOD, connection->fd, &event);
  }
  return 1;
}

static void append_chunk(struct buffer *out, const char *text, size_t length) {
  buffer_print(out, "%zx\r\n", length);
  buffer_append(out, text, length);
  buffer_append(out, "\r\n", 2);
}

static void append_event(struct connection *connection) {
  const char *kind = connection->is_chat ? "chat.completion.chunk" : "text_completion";
  const char *content = connection->is_chat ? "\"delta\":{\"content\":\"token \"}" : "\"text\":\"token \"";
  int is_last = --connection->events_left == 0;
  char usage[160] = "";
  if (is_last)
    snprintf(usage, sizeof usage, ",\"usage\":{\"prompt_tokens\":250,\"completion_tokens\":%ld,\"total_tokens\":%ld}",
             state.events, state.events + 250);
  char text[1024];
  int length = snprintf(text, sizeof text,
                        "data: {\"id\":\"chatcmpl-rig\",\"object\":\"%s\",\"created\":1760000000,\"model\":\"mock\","
                        "\"system_fingerprint\":\"ns-%llu\",\"choices\":[{\"index\":0,%s,\"finish_reason\":%s}]%s}\n\n",
                        kind, (unsigned long long)now_ns(), content, is_last ? "\"stop\"" : "null", usage);
  append_chunk(&connection->out, text, (size_t)length);
  state.events_sent++;
  if (!is_last) return;
  static const char done[] = "data: [DONE]\n\n";
  append_chunk(&connection->out, done, sizeof done - 1);
  buffer_append(&connection->out, "0\r\n\r\n", 5);
  connection->is_streaming = 0;
  state.streams++;
}

static uint64_t after(long us) {
  long jitter = state.jitter_us > 0 ? (long)(draw(&state.random) % (uint64_t)(2 * state.jitter_us + 1)) - state.jitter_us : 0;
  long wait_us = us + jitter > 0 ? us + jitter : 0;
  return (uint64_t)wait_us * 1000u;
}

static int go_on(struct connection *connection, uint64_t at_ns) {
  if (connection->is_unary_due) {
    connection->is_unary_due = 0;
    buffer_append(&connection->out, state.unary_answer.bytes, state.unary_answer.used);
    state.unary++;
  } else {
    do {
      append_event(connection);
      if (!flush(connection)) return 0;
    } while (connection->is_streaming && state.gap_us == 0);
    if (connection->is_streaming) heap_add(connection, at_ns + after(state.gap_us));
  }
  return flush(connection);
}

static void answer_small(struct connection *connection, const char *status, const char *type, const char *body) {
  buffer_print(&connection->out, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", status, type,
               strlen(body), body);
}

static int answer(struct connection *connection, const char *target, const char *body, size_t body_length) {
  connection->is_chat = strncmp(target, "/v1/chat/completions", 20) == 0;
  if (connection->is_chat || strncmp(target, "/v1/completions", 15) == 0) {
    int is_stream = memmem(body, body_length, "\"stream\":true", 13) != NULL || memmem(body, body_length, "\"stream\": true", 14) != NULL;
    connection->is_streaming = is_stream;
    connection->is_unary_due = !is_stream;
    connection->events_left = state.events;
    if (is_stream)
      buffer_print(&connection->out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                                     "Transfer-Encoding: chunked\r\n\r\n");
    uint64_t at_ns = now_ns();
    if (state.delay_us == 0) return go_on(connection, at_ns);
    heap_add(connection, at_ns + after(state.delay_us));
    return flush(connection);
  }
  if (strncmp(target, "/v1/models", 10) == 0)
    answer_small(connection, "200 OK", "application/json",
                 "{\"object\":\"list\",\"data\":[{\"id\":\"mock\",\"object\":\"model\",\"created\":1760000000,"
                 "\"owned_by\":\"rig\",\"max_model_len\":131072}]}");
  else if (strncmp(target, "/health", 7) == 0)
    answer_small(connection, "200 OK", "application/json", "{\"status\":\"ok\"}");
  else if (strncmp(target, "/metrics", 8) == 0)
    answer_small(connection, "200 OK", "text/plain; version=0.0.4",
                 "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{model_name=\"mock\"} 0\n"
                 "# TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_waiting{model_name=\"mock\"} 0\n");
  else {
    state.refused++;
    answer_small(connection, "404 Not Found", "application/json", "{\"error\":{\"message\":\"no such path\"}}");
  }
  return flush(connection);
}

/* Where the body ends, 0 while it has not come whole. Chunks are not decoded: only their end is sought. */
static size_t body_end(const struct buffer *in, size_t head) {
  for (const char *line = in->bytes; line < in->bytes + head; line = strstr(line, "\r\n") + 2) {
    if (strncasecmp(line, "content-length:", 15) == 0) {
      size_t length = strtoul(line + 15, NULL, 10);
      return in->used >= head + length ? head + length : 0;
    }
    if (strncasecmp(line, "transfer-encoding:", 18) == 0) {
      if (in->used >= head + 5 && memcmp(in->bytes + head, "0\r\n\r\n", 5) == 0) return head + 5;
      const char *end = memmem(in->bytes + head, in->used - head, "\r\n0\r\n\r\n", 7);
      return end == NULL ? 0 : (size_t)(end - in->bytes) + 7;
    }
  }
  return head;
}

static int take_requests(struct connection *connection) {
  while (connection->in.used > 0 && !connection->is_streaming && !connection->is_unary_due) {
    connection->in.bytes[connection->in.used] = '\0';
    const char *end = memmem(connection->in.bytes, connection->in.used, "\r\n\r\n", 4);
    if (end == NULL) return connection->in.used < HEAD_BYTES_MAX;
    size_t head = (size_t)(end - connection->in.bytes) + 4;
    size_t whole = body_end(&connection->in, head);
    if (whole == 0) return connection->in.used < BODY_BYTES_MAX;
    const char *target = memchr(connection->in.bytes, ' ', head);
    if (target == NULL) return 0;
    if (!answer(connection, target + 1, connection->in.bytes + head, whole - head)) return 0;
    buffer_drop(&connection->in, whole);
  }
  return 1;
}

static int receive(struct connection *connection) {
  for (;;) {
    buffer_reserve(&connection->in, 65536);
    ssize_t got = recv(connection->fd, connection->in.bytes + connection->in.used, 65535, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got <= 0) return 0;
    connection->in.used += (size_t)got;
    if (got < 65535) break;
  }
  int is_alive = take_requests(connection);
  if (connection->in.used == 0) buffer_free(&connection->in); /* held streams cost no buffer */
  return is_alive;
}

static void accept_all(void) {
  for (;;) {
    int fd = accept4(state.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) die("calloc");
    connection->fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(state.epoll, EPOLL_CTL_ADD, fd, &event);
    state.connections++;
  }
}

static void listen_at(const char *path, long port) {
  struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  if (path != NULL) snprintf(local.sun_path, sizeof local.sun_path, "%s", path);
  struct sockaddr *address = path == NULL ? (struct sockaddr *)&tcp : (struct sockaddr *)&local;
  socklen_t length = path == NULL ? sizeof tcp : sizeof local;
  int one = 1;
  state.listener = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(state.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(state.listener, address, length) != 0) die("bind");
  if (listen(state.listener, 16384) != 0) die("listen");
  if (path == NULL) getsockname(state.listener, address, &length);
  printf("{\"port\":%d}\n", path == NULL ? ntohs(tcp.sin_port) : 0);
  fflush(stdout);
}

static void prepare_answer(void) {
  static const char front[] = "{\"id\":\"chatcmpl-rig\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":\"mock\","
                              "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"";
  static const char back[] = "\"},\"finish_reason\":\"stop\"}],"
                             "\"usage\":{\"prompt_tokens\":250,\"completion_tokens\":128,\"total_tokens\":378}}";
  size_t least = sizeof front - 1 + sizeof back - 1;
  size_t length = (size_t)state.body_bytes > least ? (size_t)state.body_bytes : least;
  buffer_print(&state.unary_answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", length);
  buffer_append(&state.unary_answer, front, sizeof front - 1);
  for (size_t index = least; index < length; index++) buffer_append(&state.unary_answer, "a", 1);
  buffer_append(&state.unary_answer, back, sizeof back - 1);
}

static void watch(int fd, void *mark) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = mark};
  epoll_ctl(state.epoll, EPOLL_CTL_ADD, fd, &event);
}

static void ring(void) {
  uint64_t expirations;
  if (read(state.timer, &expirations, sizeof expirations) < 0) return;
  uint64_t at_ns = now_ns();
  while (state.heap_used > 0 && state.heap[1]->due_ns <= at_ns) {
    struct connection *connection = state.heap[1];
    heap_remove(connection);
    /* From when it was due, not from when it was served: the beat does not drift. */
    if (!go_on(connection, connection->due_ns)) {
      epoll_ctl(state.epoll, EPOLL_CTL_DEL, connection->fd, NULL);
      shutdown(connection->fd, SHUT_RDWR);
      close_connection(connection);
    }
  }
}

int main(int argc, char **argv) {
  state.body_bytes = number_option(argc, argv, "--body-bytes", 1024);
  state.events = number_option(argc, argv, "--events", 128);
  state.gap_us = number_option(argc, argv, "--gap-us", 5000);
  state.jitter_us = number_option(argc, argv, "--jitter-us", 0);
  state.delay_us = number_option(argc, argv, "--delay-us", 0);
  state.random = (uint64_t)number_option(argc, argv, "--seed", 1);
  raise_descriptor_limit();
  prepare_answer();
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, NULL);
  int signals = signalfd(-1, &ends, SFD_CLOEXEC);
  state.epoll = epoll_create1(EPOLL_CLOEXEC);
  state.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  listen_at(text_option(argc, argv, "--unix", NULL), number_option(argc, argv, "--port", 0));
  watch(state.listener, &state.listener);
  watch(state.timer, &state.timer);
  watch(signals, &signals);
  for (;;) {
    struct epoll_event events[256];
    set_timer(state.timer, state.heap_used > 0 ? state.heap[1]->due_ns : 0);
    int count = epoll_wait(state.epoll, events, 256, -1);
    int has_rung = 0;
    for (int index = 0; index < count; index++) {
      void *mark = events[index].data.ptr;
      if (mark == &signals) {
        printf("{\"connections\":%llu,\"unary\":%llu,\"streams\":%llu,\"events\":%llu,\"aborted\":%llu,\"refused\":%llu}\n",
               (unsigned long long)state.connections, (unsigned long long)state.unary, (unsigned long long)state.streams,
               (unsigned long long)state.events_sent, (unsigned long long)state.aborted, (unsigned long long)state.refused);
        return 0;
      }
      if (mark == &state.timer) has_rung = 1;
      else if (mark == &state.listener) accept_all();
      else {
        struct connection *connection = mark;
        int is_alive = events[index].events & EPOLLOUT ? flush(connection) : 1;
        if (is_alive && events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) is_alive = receive(connection);
        if (!is_alive) close_connection(connection);
      }
    }
    /* Last, since it may close connections that the same round of events names. */
    if (has_rung) ring();
  }
}
