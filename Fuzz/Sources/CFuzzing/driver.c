#define _GNU_SOURCE
#include "CFuzzing.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

// https://llvm.org/docs/LibFuzzer.html#using-libfuzzer-as-a-library
extern int LLVMFuzzerRunDriver(int *count, char ***arguments, kuma_fuzz_input take);

int kuma_fuzz_run(int *count, char ***arguments, kuma_fuzz_input take) {
  return LLVMFuzzerRunDriver(count, arguments, take);
}

int kuma_fuzz_use_signal_stack(void) {
  const size_t size = 1 << 20;
  stack_t stack = {.ss_sp = malloc(size), .ss_size = size, .ss_flags = 0};
  return stack.ss_sp == NULL ? -1 : sigaltstack(&stack, NULL);
}

int kuma_fuzz_memory_file(void) { return memfd_create("kuma-fuzz", MFD_CLOEXEC); }
