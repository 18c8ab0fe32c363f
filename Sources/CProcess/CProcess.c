#include "CProcess.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>

void process_share_arenas(int count) {
  mallopt(M_ARENA_MAX, count);
  // Said once, these stay as they are: otherwise the first large block that is freed has all later ones of its size taken from
  // the heap, between small ones that keep it from shrinking.
  mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
}
void process_give_back_memory(void) { malloc_trim(0); }
#else
void process_share_arenas(int count) { (void)count; }
void process_give_back_memory(void) {}
#endif

double process_cpu_seconds(void) {
  struct timespec time;
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) != 0) return 0;
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

long process_raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
  if (limit.rlim_cur < limit.rlim_max) {
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return limit.rlim_cur > LONG_MAX ? LONG_MAX : (long)limit.rlim_cur;
}

long process_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
  return limit.rlim_cur > LONG_MAX ? LONG_MAX : (long)limit.rlim_cur;
}

void process_hold_end_signals(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

static void check_output(void) {
  errno = 0;
  // Both: what was buffered may fit although something before it did not.
  int had_failed = ferror(stdout);
  if (fflush(stdout) == 0 && !had_failed) return;
  // Closed from the start: nobody reads it. The runtime may have put a descriptor of its own in the free place (EINVAL).
  if (errno == EBADF || errno == EINVAL) _exit(1);
  dprintf(STDERR_FILENO, "Error: standard output cannot be written: %s\n", errno != 0 ? strerror(errno) : "a part of it was refused");
  _exit(1);
}

void process_check_output_at_exit(void) { atexit(check_output); }
