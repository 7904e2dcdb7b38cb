/* A client that measures: so many connections one after the other, or so many requests a second.
 *
 *   client (--port N | --unix PATH) [--connections 64] [--rate 0] [--stream 0] [--hold 0]
 *          [--body-bytes 1024] [--prompts 64] [--prefixes 8] [--seed 1] [--bearer TOKEN] [--model mock]
 *          [--expect-bytes 0] [--expect-events 0] [--warm-ms 1000] [--duration-ms 5000]
 *
 * With a rate, latency counts from when a request was meant to go, whether a connection was free or
 * not. Prints {"phase":"measuring"} and {"phase":"measured"} at the window's ends, so that others can
 * read clocks there, and then one line of results. With --hold 1 every connection opens one stream;
 * {"phase":"held"} tells that each has had its first event, and the streams stay until SIGTERM;
 * it gives up when not all had theirs in the time of the window. */
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

#define LINE_BYTES_MAX 8192
#define HEAD_BYTES_MAX 16384
#define SAMPLES_MAX (8u << 20)
#define DRAIN_NS 5000000000u

enum step { IDLE, HEAD, BODY, CHUNK_LENGTH, CHUNK, CHUNK_END, TRAILER };

struct connection {
  int fd, is_done_seen, is_waiting_to_write, is_closing;
  enum step step;
  const struct buffer *request;
  size_t sent, body_bytes;
  uint64_t left, intended_ns;
  long events;
  struct buffer text; /* a head or an event's line that has not come whole */
};

struct samples {
  uint32_t *values; /* tenths of microseconds */
  size_t used, room;
};

static struct {
  long connections, rate, is_stream, is_hold, expect_bytes, expect_events;
  uint64_t random, start_ns, window_ns, end_ns, issued, done, events, held;
  uint64_t error_connect, error_closed, error_status, error_size, error_events, error_protocol, unfinished;
  int epoll, timer, signals, is_measuring, is_over;
  struct sockaddr_storage address;
  socklen_t address_length;
  struct buffer *requests;
  long prompts;
  struct connection *all, **idle;
  long idle_used;
  struct samples latency, first_latency, event_latency;
} state;

static int in_window(void) { return state.is_measuring && !state.is_over; }

static void sample(struct samples *samples, uint64_t ns) {
  if (samples->used == SAMPLES_MAX) return;
  if (samples->used == samples->room) {
    samples->room = samples->room == 0 ? 65536 : samples->room * 2;
    samples->values = realloc(samples->values, samples->room * sizeof *samples->values);
    if (samples->values == NULL) die("realloc");
  }
  samples->values[samples->used++] = ns / 100 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 100);
}

static void say_phase(const char *phase) {
  printf("{\"phase\":\"%s\"}\n", phase);
  fflush(stdout);
}

/* `headers` are further lines of each request, each with its end. */
static void make_requests(const char *bearer, const char *headers, const char *model, long body_bytes, long prefixes) {
  state.requests = calloc((size_t)state.prompts, sizeof *state.requests);
  if (state.requests == NULL) die("calloc");
  uint64_t prefix_seed = draw(&state.random);
  for (long index = 0; index < state.prompts; index++) {
    struct buffer body = {0};
    buffer_print(&body, "{\"model\":\"%s\",\"stream\":%s,%s\"max_tokens\":128,\"messages\":[{\"role\":\"user\",\"content\":\"",
                 model, state.is_stream ? "true" : "false", state.is_stream ? "\"stream_options\":{\"include_usage\":true}," : "");
    static const char back[] = "\"}]}";
    size_t length = (size_t)body_bytes > body.used + sizeof back - 1 ? (size_t)body_bytes - sizeof back + 1 : body.used;
    size_t middle = body.used + (length - body.used) / 2;
    uint64_t shared = prefix_seed + (uint64_t)(index % prefixes), own = draw(&state.random);
    while (body.used < length) {
      uint64_t letters = draw(body.used < middle ? &shared : &own);
      char word[8];
      for (int place = 0; place < 8; place++) word[place] = place == 7 ? ' ' : (char)('a' + (letters >> (8 * place)) % 26);
      size_t room = (body.used < middle ? middle : length) - body.used;
      buffer_append(&body, word, room < 8 ? room : 8);
    }
    buffer_append(&body, back, sizeof back - 1);
    struct buffer *request = &state.requests[index];
    buffer_print(request, "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
                          "Accept: application/json\r\nUser-Agent: OpenAI/JS 6.9.1\r\nX-Stainless-Lang: js\r\n"
                          "X-Stainless-Retry-Count: 0\r\nX-Stainless-Timeout: 600\r\nAccept-Encoding: identity\r\n"
                          "%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", bearer, headers, body.used);
    buffer_append(request, body.bytes, body.used);
    buffer_free(&body);
  }
}

static void watch_writing(struct connection *connection, int must_wait) {
  if (must_wait == connection->is_waiting_to_write) return;
  connection->is_waiting_to_write = must_wait;
  struct epoll_event event = {.events = EPOLLIN | (must_wait ? EPOLLOUT : 0), .data.ptr = connection};
  epoll_ctl(state.epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static int flush(struct connection *connection) {
  while (connection->request != NULL && connection->sent < connection->request->used) {
    ssize_t wrote = send(connection->fd, connection->request->bytes + connection->sent,
                         connection->request->used - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EAGAIN) break;
    if (wrote < 0) return 0;
    connection->sent += (size_t)wrote;
  }
  watch_writing(connection, connection->request != NULL && connection->sent < connection->request->used);
  return 1;
}

/* Blocks for the moment of a connect on the loopback; only the rest is without waiting. */
static int open_connection(struct connection *connection) {
  connection->fd = socket(state.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&state.address, state.address_length) != 0) {
    if (connection->fd >= 0) close(connection->fd);
    connection->fd = -1;
    state.error_connect++;
    return 0;
  }
  int one = 1;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  connection->is_waiting_to_write = 0;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  epoll_ctl(state.epoll, EPOLL_CTL_ADD, connection->fd, &event);
  return 1;
}

static void drop_connection(struct connection *connection) {
  if (connection->fd >= 0) close(connection->fd);
  connection->fd = -1;
}

static void rest(struct connection *connection) {
  connection->step = IDLE;
  connection->request = NULL;
  buffer_free(&connection->text);
  state.idle[state.idle_used++] = connection;
}

static void fail(struct connection *connection, uint64_t *error) {
  drop_connection(connection);
  if (connection->step == IDLE) return; /* a kept connection may be closed */
  (*error)++;
  rest(connection);
}

static void issue(struct connection *connection, uint64_t intended_ns) {
  connection->step = HEAD;
  connection->intended_ns = intended_ns;
  connection->request = &state.requests[draw(&state.random) % (uint64_t)state.prompts];
  connection->sent = connection->body_bytes = 0;
  connection->events = 0;
  connection->is_done_seen = connection->is_closing = 0;
  if (connection->fd < 0 && !open_connection(connection)) {
    rest(connection);
    return;
  }
  if (!flush(connection)) fail(connection, &state.error_closed);
}

static void finish(struct connection *connection) {
  int is_short = state.is_stream ? !connection->is_done_seen || (state.expect_events > 0 && connection->events != state.expect_events)
                                 : state.expect_bytes > 0 && connection->body_bytes != (size_t)state.expect_bytes;
  if (is_short) {
    fail(connection, state.is_stream ? &state.error_events : &state.error_size);
    return;
  }
  if (in_window()) {
    state.done++;
    if (connection->intended_ns >= state.window_ns) sample(&state.latency, now_ns() - connection->intended_ns);
  }
  if (connection->is_closing) drop_connection(connection);
  rest(connection);
}

static void take_line(struct connection *connection, const char *line, size_t length) {
  if (length < 6 || memcmp(line, "data:", 5) != 0) return;
  if (memmem(line, length, "[DONE]", 6) != NULL) {
    connection->is_done_seen = 1;
    return;
  }
  int is_first = connection->events++ == 0;
  if (is_first) state.held++;
  if (!in_window()) return;
  if (is_first && connection->intended_ns >= state.window_ns) sample(&state.first_latency, now_ns() - connection->intended_ns);
  state.events++;
  const char *mark = memmem(line, length, "\"ns-", 4);
  if (mark != NULL) sample(&state.event_latency, now_ns() - strtoull(mark + 4, NULL, 10));
}

/* One line out of `bytes`, kept in `text` until it is whole; the bytes taken, with `*is_whole` set. */
static size_t gather(struct buffer *text, const char *bytes, size_t length, int *is_whole) {
  const char *end = memchr(bytes, '\n', length);
  size_t taken = end == NULL ? length : (size_t)(end - bytes) + 1;
  *is_whole = end != NULL;
  buffer_append(text, bytes, taken);
  text->bytes[text->used] = '\0';
  return taken;
}

/* A proxy may cut a line of an event wherever it likes: its part waits in `text`. */
static void take_body(struct connection *connection, const char *bytes, size_t length) {
  connection->body_bytes += length;
  if (!state.is_stream) return;
  while (length > 0 && connection->text.used < LINE_BYTES_MAX) {
    int is_whole;
    size_t taken = gather(&connection->text, bytes, length, &is_whole);
    bytes += taken;
    length -= taken;
    if (!is_whole) return;
    take_line(connection, connection->text.bytes, connection->text.used);
    connection->text.used = 0;
  }
}

/* 1: go on, 0: the answer broke the protocol, -1: it has not 200. */
static int take_head(struct connection *connection) {
  const char *head = connection->text.bytes;
  if (strncmp(head, "HTTP/1.1 200", 12) != 0) return -1;
  connection->step = IDLE;
  for (const char *line = head; line != NULL && line[0] != '\0'; line = strstr(line, "\r\n"), line = line == NULL ? NULL : line + 2) {
    if (strncasecmp(line, "content-length:", 15) == 0) {
      connection->left = strtoull(line + 15, NULL, 10);
      connection->step = BODY;
    } else if (strncasecmp(line, "transfer-encoding:", 18) == 0) {
      connection->left = 0;
      connection->step = CHUNK_LENGTH;
    } else if (strncasecmp(line, "connection: close", 17) == 0)
      connection->is_closing = 1;
  }
  connection->text.used = 0;
  return connection->step != IDLE;
}

/* Takes the bytes of an answer; 0 where the connection has been given up. */
static int take(struct connection *connection, const char *bytes, size_t length) {
  while (length > 0) {
    size_t taken = length;
    if (connection->step == IDLE) {
      state.error_protocol++;
      drop_connection(connection);
      return 0;
    }
    if (connection->step == HEAD) {
      int is_whole;
      taken = gather(&connection->text, bytes, length, &is_whole);
      size_t used = connection->text.used;
      if (used > HEAD_BYTES_MAX) return fail(connection, &state.error_protocol), 0;
      if (is_whole && used >= 4 && memcmp(connection->text.bytes + used - 4, "\r\n\r\n", 4) == 0) {
        int verdict = take_head(connection);
        if (verdict <= 0) return fail(connection, verdict < 0 ? &state.error_status : &state.error_protocol), 0;
      }
    } else if (connection->step == BODY || connection->step == CHUNK) {
      if (taken > connection->left) taken = (size_t)connection->left;
      take_body(connection, bytes, taken);
      connection->left -= taken;
      if (connection->left == 0 && connection->step == CHUNK) connection->step = CHUNK_END;
    } else if (connection->step == CHUNK_LENGTH) {
      char byte = bytes[0];
      taken = 1;
      int digit = byte >= '0' && byte <= '9' ? byte - '0' : (byte | 32) >= 'a' && (byte | 32) <= 'f' ? (byte | 32) - 'a' + 10 : -1;
      if (digit >= 0) connection->left = connection->left * 16 + (uint64_t)digit;
      else if (byte == '\n') connection->step = connection->left == 0 ? TRAILER : CHUNK;
      else if (byte != '\r') return fail(connection, &state.error_protocol), 0;
    } else { /* CHUNK_END or TRAILER: both end with an empty line */
      taken = 1;
      if (bytes[0] == '\n' && connection->step == CHUNK_END) connection->step = CHUNK_LENGTH;
      else if (bytes[0] == '\n') connection->step = BODY;
    }
    bytes += taken;
    length -= taken;
    if (connection->step == BODY && connection->left == 0) finish(connection);
    if (connection->fd < 0) return 0;
  }
  return 1;
}

static void receive(struct connection *connection) {
  static char bytes[262144];
  for (;;) {
    ssize_t got = recv(connection->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      fail(connection, &state.error_closed);
      return;
    }
    if (!take(connection, bytes, (size_t)got) || got < (ssize_t)sizeof bytes) return;
  }
}

static uint64_t intended(uint64_t index) {
  return state.start_ns + (uint64_t)((__uint128_t)index * 1000000000u / (uint64_t)state.rate);
}

/* Gives work to idle connections: at once, or as the rate has it. */
static void issue_due(void) {
  uint64_t at_ns = now_ns();
  long most = state.idle_used; /* a connection that fails at once waits for the next turn */
  while (!state.is_over && most-- > 0 && state.idle_used > 0) {
    if (state.is_hold && state.issued >= (uint64_t)state.connections) return;
    if (state.rate > 0 && intended(state.issued) > at_ns) return;
    uint64_t when_ns = state.rate > 0 ? intended(state.issued) : now_ns();
    state.issued++;
    issue(state.idle[--state.idle_used], when_ns);
  }
}

static int by_value(const void *one, const void *other) {
  uint32_t left = *(const uint32_t *)one, right = *(const uint32_t *)other;
  return left < right ? -1 : left > right;
}

static void print_samples(const char *name, struct samples *samples) {
  qsort(samples->values, samples->used, sizeof *samples->values, by_value);
  static const int per_mille[] = {500, 900, 990};
  printf(",\"%s\":{\"count\":%zu", name, samples->used);
  for (int index = 0; index < 3 && samples->used > 0; index++)
    printf(",\"p%d\":%.1f", per_mille[index] / 10, samples->values[(samples->used - 1) * (size_t)per_mille[index] / 1000] / 10.0);
  printf("}");
}

static void print_results(void) {
  for (long index = 0; index < state.connections; index++) state.unfinished += state.all[index].step != IDLE;
  printf("{\"requests\":%llu,\"events\":%llu,\"held\":%llu,\"windowMs\":%.3f,\"unfinished\":%llu,\"errors\":{\"connect\":%llu,"
         "\"closed\":%llu,\"status\":%llu,\"size\":%llu,\"events\":%llu,\"protocol\":%llu}",
         (unsigned long long)state.done, (unsigned long long)state.events, (unsigned long long)state.held,
         (double)(state.end_ns - state.window_ns) / 1e6, (unsigned long long)state.unfinished,
         (unsigned long long)state.error_connect, (unsigned long long)state.error_closed, (unsigned long long)state.error_status,
         (unsigned long long)state.error_size, (unsigned long long)state.error_events, (unsigned long long)state.error_protocol);
  print_samples("latencyUs", &state.latency);
  print_samples("firstLatencyUs", &state.first_latency);
  print_samples("eventLatencyUs", &state.event_latency);
  printf("}\n");
  fflush(stdout);
}

static void find_address(const char *path, long port) {
  if (path == NULL) {
    struct sockaddr_in *tcp = (struct sockaddr_in *)&state.address;
    *tcp = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    state.address_length = sizeof *tcp;
  } else {
    struct sockaddr_un *local = (struct sockaddr_un *)&state.address;
    local->sun_family = AF_UNIX;
    snprintf(local->sun_path, sizeof local->sun_path, "%s", path);
    state.address_length = sizeof *local;
  }
}

/* The next moment something is to happen without the network: a request, an end of the window. */
static uint64_t next_ns(uint64_t window_ns, uint64_t end_ns) {
  uint64_t next = state.is_over ? end_ns + DRAIN_NS : state.is_measuring ? end_ns : window_ns;
  if (state.is_hold) next = 0;
  if (!state.is_over && state.rate > 0 && state.idle_used > 0 && intended(state.issued) < next) next = intended(state.issued);
  return next;
}

static void turn_phase(uint64_t window_ns, uint64_t end_ns) {
  uint64_t at_ns = now_ns();
  if (!state.is_measuring && at_ns >= window_ns) {
    state.is_measuring = 1;
    state.window_ns = at_ns;
    say_phase("measuring");
  } else if (state.is_measuring && !state.is_over && at_ns >= end_ns) {
    state.is_over = 1;
    state.end_ns = at_ns;
    say_phase("measured");
  }
}

static void run(uint64_t window_ns, uint64_t end_ns) {
  int has_told = 0;
  for (;;) {
    if (!state.is_hold) turn_phase(window_ns, end_ns);
    issue_due();
    if (state.is_over && (state.idle_used == state.connections || now_ns() > end_ns + DRAIN_NS)) return;
    if (state.is_hold && !has_told && now_ns() > end_ns) return;
    if (state.is_hold && !has_told && state.held == (uint64_t)state.connections) {
      has_told = 1;
      say_phase("held");
    }
    struct epoll_event events[256];
    set_timer(state.timer, next_ns(window_ns, end_ns));
    int count = epoll_wait(state.epoll, events, 256, state.is_hold ? 10 : -1);
    for (int index = 0; index < count; index++) {
      struct connection *connection = events[index].data.ptr;
      uint64_t expirations;
      if (events[index].data.ptr == &state.signals) return;
      if (events[index].data.ptr == &state.timer) {
        if (read(state.timer, &expirations, sizeof expirations) < 0) continue;
      } else if (events[index].events & EPOLLOUT && !flush(connection))
        fail(connection, &state.error_closed);
      else if (events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(connection);
    }
  }
}

static void watch(int fd, void *mark) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = mark};
  epoll_ctl(state.epoll, EPOLL_CTL_ADD, fd, &event);
}

int main(int argc, char **argv) {
  state.connections = number_option(argc, argv, "--connections", 64);
  state.rate = number_option(argc, argv, "--rate", 0);
  state.is_stream = number_option(argc, argv, "--stream", 0);
  state.is_hold = number_option(argc, argv, "--hold", 0);
  state.expect_bytes = number_option(argc, argv, "--expect-bytes", 0);
  state.expect_events = number_option(argc, argv, "--expect-events", 0);
  state.prompts = number_option(argc, argv, "--prompts", 64);
  state.random = (uint64_t)number_option(argc, argv, "--seed", 1);
  raise_descriptor_limit();
  find_address(text_option(argc, argv, "--unix", NULL), number_option(argc, argv, "--port", 0));
  make_requests(text_option(argc, argv, "--bearer", "client-key"), text_option(argc, argv, "--headers", ""), text_option(argc, argv, "--model", "mock"),
                number_option(argc, argv, "--body-bytes", 1024), number_option(argc, argv, "--prefixes", 8));
  state.all = calloc((size_t)state.connections, sizeof *state.all);
  state.idle = calloc((size_t)state.connections, sizeof *state.idle);
  if (state.all == NULL || state.idle == NULL) die("calloc");
  for (long index = 0; index < state.connections; index++) {
    state.all[index].fd = -1;
    rest(&state.all[index]);
  }
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, NULL);
  state.signals = signalfd(-1, &ends, SFD_CLOEXEC);
  state.epoll = epoll_create1(EPOLL_CLOEXEC);
  state.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  watch(state.signals, &state.signals);
  watch(state.timer, &state.timer);
  state.start_ns = now_ns();
  uint64_t window_ns = state.start_ns + (uint64_t)number_option(argc, argv, "--warm-ms", 1000) * 1000000u;
  run(window_ns, window_ns + (uint64_t)number_option(argc, argv, "--duration-ms", 5000) * 1000000u);
  print_results();
  return 0;
}
