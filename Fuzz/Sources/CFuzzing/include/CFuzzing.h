// What fuzzing needs of C: the driver of the fuzzing library, and counts of the memory that is allocated.

#ifndef C_FUZZING_H
#define C_FUZZING_H

#include <stddef.h>
#include <stdint.h>

/// Takes one input; returns 0.
typedef int (*kuma_fuzz_input)(const uint8_t *bytes, size_t count);

/// Runs the fuzzing library with the arguments of the program, until it has found an input or its time is over. It may change the
/// arguments. Returns the program's exit status.
int kuma_fuzz_run(int *count, char ***arguments, kuma_fuzz_input take);

/// Starts the counts of all threads anew: nothing is allocated, and the peak is 0.
void kuma_fuzz_reset_allocations(void);

/// How many times memory was allocated or grew since the counts were started.
int64_t kuma_fuzz_allocations(void);

/// The most bytes that were allocated at once, beyond those that were allocated when the counts were started.
int64_t kuma_fuzz_peak_bytes(void);

/// Gives signal handlers of this thread a stack of their own, so that the input is kept that used up the thread's stack.
/// Returns 0, or -1 where the system refuses.
int kuma_fuzz_use_signal_stack(void);

/// Makes a file that is in memory alone. Returns its descriptor, or -1.
int kuma_fuzz_memory_file(void);

#endif
