/* What the two programs of the rig share: time, seeded numbers, options, buffers that grow. */
#ifndef MILLRACE_RIG_H
#define MILLRACE_RIG_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>

static inline uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline void die(const char *what) {
  perror(what);
  exit(1);
}

/* splitmix64: one word of state, any seed will do. */
static inline uint64_t draw(uint64_t *state) {
  uint64_t mixed = (*state += 0x9e3779b97f4a7c15u);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  return mixed ^ (mixed >> 31);
}

static inline const char *text_option(int argc, char **argv, const char *name, const char *other) {
  for (int index = 1; index + 1 < argc; index++)
    if (strcmp(argv[index], name) == 0) return argv[index + 1];
  return other;
}

static inline long number_option(int argc, char **argv, const char *name, long other) {
  const char *text = text_option(argc, argv, name, NULL);
  return text == NULL ? other : atol(text);
}

struct buffer {
  char *bytes;
  size_t used, room;
};

static inline void buffer_reserve(struct buffer *buffer, size_t more) {
  size_t room = buffer->room == 0 ? 4096 : buffer->room;
  while (room < buffer->used + more) room *= 2;
  if (room == buffer->room) return;
  buffer->bytes = realloc(buffer->bytes, room);
  if (buffer->bytes == NULL) die("realloc");
  buffer->room = room;
}

static inline void buffer_append(struct buffer *buffer, const char *bytes, size_t length) {
  buffer_reserve(buffer, length + 1);
  memcpy(buffer->bytes + buffer->used, bytes, length);
  buffer->used += length;
}

static inline void buffer_print(struct buffer *buffer, const char *format, ...) {
  char text[2048];
  va_list list;
  va_start(list, format);
  int length = vsnprintf(text, sizeof text, format, list);
  va_end(list);
  if (length < 0 || (size_t)length >= sizeof text) die("buffer_print");
  buffer_append(buffer, text, (size_t)length);
}

static inline void buffer_drop(struct buffer *buffer, size_t length) {
  memmove(buffer->bytes, buffer->bytes + length, buffer->used - length);
  buffer->used -= length;
}

static inline void buffer_free(struct buffer *buffer) {
  free(buffer->bytes);
  *buffer = (struct buffer){0};
}

/* As many descriptors as the hard limit allows: streams are held by the ten thousand. */
static inline void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/* Rings at `at_ns`; 0 puts the timer to rest. */
static inline void set_timer(int fd, uint64_t at_ns) {
  struct itimerspec when = {.it_value = {(time_t)(at_ns / 1000000000u), (long)(at_ns % 1000000000u)}};
  timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}

#endif
