#pragma once
#include <stdint.h>

// The event interface of Linux, which Swift's Glibc leaves out. Its own header would bring C types along that Swift has from
// elsewhere.

/// A descriptor that tells of others, or -1.
int bench_epoll_open(void);

/// Has news of a descriptor told once each (EPOLLET): bytes to read, and room to write.
int bench_epoll_watch(int epoll, int descriptor, uint64_t tag);

/// Waits for news; the tags of the descriptors that have some, and how many they are.
int bench_epoll_wait(int epoll, uint64_t *tags, int capacity, int milliseconds);
