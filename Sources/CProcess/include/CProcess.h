#pragma once

// What programs ask the system about their own process. The structures that the system uses for it are declared by more than one
// module that Swift imports, and which of them counts differs from build to build.

/// Has threads share so many of the C library's arenas, and large blocks come from the system and go back there. Each thread that
/// comes and goes would otherwise leave an arena of its own, half empty, and large blocks would leave holes in the heap. Where
/// the C library has no arenas nothing happens.
void process_share_arenas(int count);

/// Gives pages of the heap that nothing uses back to the system. Takes milliseconds.
void process_give_back_memory(void);

/// Processor time so far, in seconds.
double process_cpu_seconds(void);

/// Raises the limit of open descriptors to what the system allows; the limit, or -1 if it cannot be known.
long process_raise_descriptor_limit(void);

/// Has signals that ask the process to end (SIGTERM, SIGINT) wait until it listens for them with a descriptor, as Dispatch's sources
/// do. Threads that are made later inherit it.
void process_hold_end_signals(void);

/// The limit of open descriptors as it is now, which others can change; -1 if it cannot be known.
long process_descriptor_limit(void);

/// Has the process end with status 1 and a sentence on standard error if what it wrote to standard output is not written when
/// it ends. The C library's buffers are written after the last statement of a program, and nobody else would notice.
void process_check_output_at_exit(void);
