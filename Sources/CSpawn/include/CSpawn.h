#ifndef KUMA_SPAWN_H
#define KUMA_SPAWN_H

#include <pthread.h>
#include <sys/types.h>

/// What to start and how.
typedef struct {
  /// Path of the executable; it is not searched for.
  const char *_Nonnull executable;
  /// Arguments, the program's name first, ended by NULL.
  char *_Nullable const *_Nonnull arguments;
  /// Environment, `name=value`, ended by NULL.
  char *_Nullable const *_Nonnull environment;
  /// The working directory; NULL for the parent's.
  const char *_Nullable directory;
  /// Descriptors that become the child's 0, 1 and 2; -1 for the parent's own.
  int standard_input;
  int standard_output;
  int standard_error;
  /// Namespaces that the child enters before it becomes the program, as descriptors of files in `/proc/PID/ns`; -1 for the
  /// parent's own.
  int network_namespace;
  int name_namespace;
  int mount_namespace;
  int process_namespace;
} kuma_spawn_request;

/// The step of starting a child that failed.
typedef enum {
  KUMA_SPAWN_THREAD = 1,
  KUMA_SPAWN_FORK,
  KUMA_SPAWN_BIND_TO_PARENT,
  KUMA_SPAWN_NAMESPACE,
  KUMA_SPAWN_REDIRECT,
  KUMA_SPAWN_DIRECTORY,
  KUMA_SPAWN_EXECUTE,
} kuma_spawn_step;

/// Called once, on the child's thread, when the child has ended and waits to be reaped. It has to reap it.
typedef void (*kuma_spawn_ended)(pid_t pid, void *_Nullable context);

/// Starts a child in a process group of its own; it is killed when this process ends in any way.
///
/// Linux sends the signal of PR_SET_PDEATHSIG when the *thread* that forked ends. So each child gets a thread that forks
/// it and waits for it as long as it lives.
///
/// Returns 0 and sets `pid`, or returns an errno and sets `step`; `ended` is called only after a return of 0.
int kuma_spawn(
  const kuma_spawn_request *_Nonnull request, kuma_spawn_ended _Nonnull ended, void *_Nullable context,
  pid_t *_Nonnull pid, kuma_spawn_step *_Nonnull step);

/// Starts a thread with a small stack that gets no signals. Returns 0 or an errno.
int kuma_thread_start(
  pthread_t *_Nonnull thread, void *_Nullable (*_Nonnull body)(void *_Nullable), void *_Nullable context);

/// Makes a pipe, first the end to read from, whose descriptors no program started meanwhile inherits. Returns 0 or an
/// errno.
int kuma_pipe(int *_Nonnull read_end, int *_Nonnull write_end);

/// From now on a signal no longer has its usual effect: its number is written, as one byte, to a descriptor that does
/// not block. All signals share the descriptor given last. Returns 0 or an errno.
int kuma_redirect_signal(int signal, int descriptor);

#endif
