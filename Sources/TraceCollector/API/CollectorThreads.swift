import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Threads for the collector's own work, which give way to everything else on the machine.
///
/// Unpacking and parsing spans is work for the processor. On the threads that all tasks of a program share, a flood of spans
/// would keep everything else in the program waiting; here it keeps only the collector waiting. A task prefers these
/// threads with `withTaskExecutorPreference`, and so do its children.
public final class CollectorThreads: TaskExecutor {
  private struct Work: Sendable {
    var jobs: [UnownedJob] = []
    /// The first job that has not been taken; those before it are history.
    var next = 0
    var isStopped = false
  }

  /// What the threads share, without whoever made them: they end when that is gone.
  private final class Queue: @unchecked Sendable {
    // Safe to share: `work` is touched with the condition's lock held only.
    private let condition = NSCondition()
    private var work = Work()

    func add(_ job: UnownedJob) {
      condition.lock()
      work.jobs.append(job)
      condition.signal()
      condition.unlock()
    }

    /// The next job, when there is one; nil at the end.
    func take() -> UnownedJob? {
      condition.lock()
      defer { condition.unlock() }
      while work.next == work.jobs.count {
        if work.isStopped { return nil }
        condition.wait()
      }
      let job = work.jobs[work.next]
      work.next += 1
      if work.next == work.jobs.count || work.next > 1_024 {
        work.jobs.removeFirst(work.next)
        work.next = 0
      }
      return job
    }

    func stop() {
      condition.lock()
      work.isStopped = true
      condition.broadcast()
      condition.unlock()
    }
  }

  private let queue = Queue()

  /// Starts the threads.
  ///
  /// - Parameter count: how many; half as many as the machine has processors, and one at least, if nothing is said.
  public init(count: Int? = nil) {
    for number in 0..<max(1, count ?? ProcessInfo.processInfo.activeProcessorCount / 2) {
      let thread = Thread { [queue, executor = Unmanaged.passUnretained(self)] in
        Self.giveWay()
        while let job = queue.take() {
          // Whoever waits for a job's task keeps this object; see `enqueue`.
          job.runSynchronously(on: executor.takeUnretainedValue().asUnownedTaskExecutor())
        }
      }
      thread.name = "collector \(number)"
      thread.stackSize = 1 << 20
      thread.start()
    }
  }

  deinit { queue.stop() }

  /// Runs a job on one of the threads.
  public func enqueue(_ job: consuming ExecutorJob) { queue.add(UnownedJob(job)) }

  /// Lets the thread that calls this give way to others.
  public static func giveWay() {
    // On Linux this is about the calling thread alone. If it is refused, the thread works like any other.
    _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
  }
}
