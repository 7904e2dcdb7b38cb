/* Takes a processor for a while, in competition or, with --realtime 1, before everything else; then it ends.
 *
 *   hog --for-us 300000 [--realtime 0] */
#define _GNU_SOURCE
#include "../rig.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { FOR_US_MAX = 2000000 };

int main(int argc, char **argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  long for_us = number_option(argc, argv, "--for-us", 300000);
  if (for_us <= 0 || for_us > FOR_US_MAX) return 2;
  struct sched_param priority = {.sched_priority = 10};
  if (number_option(argc, argv, "--realtime", 0) && sched_setscheduler(0, SCHED_FIFO, &priority) != 0)
    die("sched_setscheduler");
  uint64_t end_ns = now_ns() + (uint64_t)for_us * 1000;
  while (now_ns() < end_ns) continue;
  return 0;
}
