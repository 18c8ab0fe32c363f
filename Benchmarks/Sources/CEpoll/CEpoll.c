#include "CEpoll.h"

#include <sys/epoll.h>

int bench_epoll_open(void) { return epoll_create1(EPOLL_CLOEXEC); }

int bench_epoll_watch(int epoll, int descriptor, uint64_t tag) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u64 = tag};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

int bench_epoll_wait(int epoll, uint64_t *tags, int capacity, int milliseconds) {
  struct epoll_event events[256];
  int count = epoll_wait(epoll, events, capacity < 256 ? capacity : 256, milliseconds);
  for (int index = 0; index < count; index++) tags[index] = events[index].data.u64;
  return count;
}
