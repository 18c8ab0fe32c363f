#include "CHeap.h"

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>

void heap_share_arenas(int count) { mallopt(M_ARENA_MAX, count); }
void heap_give_back(void) { malloc_trim(0); }
#else
void heap_share_arenas(int count) { (void)count; }
void heap_give_back(void) {}
#endif
