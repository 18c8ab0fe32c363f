// Counts what all threads allocate. The functions take the places of the C library's, which the linker allows, and call these.

#include "CFuzzing.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>

extern void *__libc_malloc(size_t count);
extern void *__libc_calloc(size_t items, size_t count);
extern void *__libc_realloc(void *old, size_t count);
extern void *__libc_memalign(size_t alignment, size_t count);
extern void __libc_free(void *memory);

static _Atomic int64_t allocations;
static _Atomic int64_t bytes;
static _Atomic int64_t peak;

static void *counted(void *memory) {
  if (memory == NULL) return NULL;
  atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
  int64_t size = (int64_t)malloc_usable_size(memory);
  int64_t now = atomic_fetch_add_explicit(&bytes, size, memory_order_relaxed) + size;
  int64_t most = atomic_load_explicit(&peak, memory_order_relaxed);
  while (now > most &&
         !atomic_compare_exchange_weak_explicit(&peak, &most, now, memory_order_relaxed, memory_order_relaxed)) {
  }
  return memory;
}

static void uncounted(void *memory) {
  if (memory == NULL) return;
  atomic_fetch_sub_explicit(&bytes, (int64_t)malloc_usable_size(memory), memory_order_relaxed);
}

void *malloc(size_t count) { return counted(__libc_malloc(count)); }

void *calloc(size_t items, size_t count) { return counted(__libc_calloc(items, count)); }

void *realloc(void *old, size_t count) {
  int64_t before = old == NULL ? 0 : (int64_t)malloc_usable_size(old);
  void *memory = __libc_realloc(old, count);
  // A failure leaves the old memory as it is; a size of 0 frees it.
  if (memory == NULL && count != 0) return NULL;
  atomic_fetch_sub_explicit(&bytes, before, memory_order_relaxed);
  return counted(memory);
}

void free(void *memory) {
  uncounted(memory);
  __libc_free(memory);
}

void *memalign(size_t alignment, size_t count) { return counted(__libc_memalign(alignment, count)); }

void *aligned_alloc(size_t alignment, size_t count) { return counted(__libc_memalign(alignment, count)); }

int posix_memalign(void **result, size_t alignment, size_t count) {
  if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
  void *memory = counted(__libc_memalign(alignment, count));
  if (memory == NULL) return ENOMEM;
  *result = memory;
  return 0;
}

void kuma_fuzz_reset_allocations(void) {
  atomic_store(&allocations, 0);
  atomic_store(&bytes, 0);
  atomic_store(&peak, 0);
}

int64_t kuma_fuzz_allocations(void) { return atomic_load(&allocations); }

int64_t kuma_fuzz_peak_bytes(void) { return atomic_load(&peak); }
