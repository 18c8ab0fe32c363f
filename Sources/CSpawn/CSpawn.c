#define _GNU_SOURCE
#include "CSpawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/// What the child's thread gets, and what it answers until `started` is posted.
typedef struct {
  const kuma_spawn_request *request;
  kuma_spawn_ended ended;
  void *context;
  sem_t started;
  pid_t pid;
  int error;
  kuma_spawn_step step;
} spawn_task;

/// What a child that cannot become the program says through the pipe.
typedef struct {
  int error;
  kuma_spawn_step step;
} spawn_failure;

static void fail(int report, kuma_spawn_step step) {
  spawn_failure failure = {.error = errno, .step = step};
  // The parent takes an incomplete report for a failure too.
  (void)!write(report, &failure, sizeof failure);
  _exit(127);
}

/// Moves a descriptor out of the way of 0, 1 and 2, which are about to be replaced.
static int above_standard(int descriptor) {
  if (descriptor < 0 || descriptor > 2) return descriptor;
  return fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
}

/// The life of the child from fork to execve: only functions that are safe between the two.
static _Noreturn void become(const kuma_spawn_request *request, pid_t parent, int report) {
  report = above_standard(report);
  if (report < 0) _exit(127);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail(report, KUMA_SPAWN_BIND_TO_PARENT);
  // Had the parent ended before, no signal would come any more. In another namespace of processes the parent has no number;
  // there the end of the namespace's first process ends this one.
  if (request->process_namespace < 0 && getppid() != parent) _exit(127);
  setpgid(0, 0);

  // No handler of the parent may run here, and what the parent ignores is not the program's business.
  struct sigaction plain;
  memset(&plain, 0, sizeof plain);
  plain.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; number++) sigaction(number, &plain, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);

  // The one of mounts last: it changes the root directory.
  const int namespaces[3] = {request->network_namespace, request->name_namespace, request->mount_namespace};
  for (int index = 0; index < 3; index++) {
    if (namespaces[index] >= 0 && setns(namespaces[index], 0) != 0) fail(report, KUMA_SPAWN_NAMESPACE);
  }

  int descriptors[3] = {
    above_standard(request->standard_input), above_standard(request->standard_output),
    above_standard(request->standard_error),
  };
  for (int number = 0; number < 3; number++) {
    if (descriptors[number] >= 0 && dup2(descriptors[number], number) < 0) fail(report, KUMA_SPAWN_REDIRECT);
  }
  if (request->directory && chdir(request->directory) != 0) fail(report, KUMA_SPAWN_DIRECTORY);
#ifdef SYS_close_range
  // Descriptors that some library opened without close-on-exec stay here too.
  syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
#endif
  execve(request->executable, request->arguments, request->environment);
  fail(report, KUMA_SPAWN_EXECUTE);
  _exit(127);
}

/// A namespace of processes is entered by the children of this thread. Until it is left, the thread cannot start threads, which
/// others do in its name.
static int enter_process_namespace(int descriptor) {
  if (descriptor < 0) return 0;
  return setns(descriptor, CLONE_NEWPID) == 0 ? 0 : errno;
}

/// Lets the children of this thread be born in the namespace of the thread itself again.
static void leave_process_namespace(int descriptor) {
  if (descriptor < 0) return;
  int own = open("/proc/thread-self/ns/pid", O_RDONLY | O_CLOEXEC);
  if (own < 0) return;
  setns(own, CLONE_NEWPID);
  close(own);
}

/// Forks the child and learns whether it became the program.
static void start(spawn_task *task) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) {
    task->error = errno;
    task->step = KUMA_SPAWN_FORK;
    return;
  }
  int namespace_error = enter_process_namespace(task->request->process_namespace);
  if (namespace_error != 0) {
    task->error = namespace_error;
    task->step = KUMA_SPAWN_NAMESPACE;
    close(report[0]);
    close(report[1]);
    return;
  }
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid == 0) become(task->request, parent, report[1]);
  int fork_error = errno;
  leave_process_namespace(task->request->process_namespace);
  if (pid < 0) {
    task->error = fork_error;
    task->step = KUMA_SPAWN_FORK;
    close(report[0]);
    close(report[1]);
    return;
  }
  close(report[1]);
  spawn_failure failure;
  size_t length = 0;
  while (length < sizeof failure) {
    ssize_t count = read(report[0], (char *)&failure + length, sizeof failure - length);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    length += (size_t)count;
  }
  close(report[0]);
  if (length == 0) {
    task->pid = pid;
    return;
  }
  task->error = length == sizeof failure ? failure.error : EIO;
  task->step = length == sizeof failure ? failure.step : KUMA_SPAWN_EXECUTE;
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
  }
}

static void *live(void *argument) {
  spawn_task *task = argument;
  kuma_spawn_ended ended = task->ended;
  void *context = task->context;
  start(task);
  pid_t pid = task->pid;
  int error = task->error;
  // From here on the task may be gone: it lives on the stack of the caller.
  sem_post(&task->started);
  if (error != 0) return NULL;
  siginfo_t information;
  // Not reaped yet, so that the pid cannot be given to another process before everybody knows.
  while (waitid(P_PID, (id_t)pid, &information, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  ended(pid, context);
  return NULL;
}

int kuma_thread_start(pthread_t *thread, void *(*body)(void *), void *context) {
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  pthread_attr_setstacksize(&attributes, 512 * 1024);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(thread, &attributes, body, context);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return error;
}

int kuma_pipe(int *read_end, int *write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno;
  *read_end = ends[0];
  *write_end = ends[1];
  return 0;
}

static atomic_int signal_descriptor = -1;

static void note_signal(int number) {
  int before = errno;
  unsigned char byte = (unsigned char)number;
  (void)!write(atomic_load(&signal_descriptor), &byte, 1);
  errno = before;
}

int kuma_redirect_signal(int number, int descriptor) {
  atomic_store(&signal_descriptor, descriptor);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  return sigaction(number, &action, NULL) == 0 ? 0 : errno;
}

int kuma_spawn(
  const kuma_spawn_request *request, kuma_spawn_ended ended, void *context, pid_t *pid, kuma_spawn_step *step) {
  spawn_task task = {.request = request, .ended = ended, .context = context};
  if (sem_init(&task.started, 0, 0) != 0) {
    *step = KUMA_SPAWN_THREAD;
    return errno;
  }
  pthread_t thread;
  int error = kuma_thread_start(&thread, live, &task);
  if (error != 0) {
    sem_destroy(&task.started);
    *step = KUMA_SPAWN_THREAD;
    return error;
  }
  while (sem_wait(&task.started) != 0) {
  }
  sem_destroy(&task.started);
  if (task.error != 0) {
    pthread_join(thread, NULL);
    *step = task.step;
    return task.error;
  }
  pthread_detach(thread);
  *pid = task.pid;
  return 0;
}
