import Dispatch
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The threads that unpack and read large requests, so that nobody else waits for one: neither the requests that share an
/// event loop with it nor the rest of the program.
///
/// What a request costs is bounded, but a machine may be slow. So what goes on beside it is left to the system's
/// scheduler, which prefers the threads that answer.
final class ReadingThreads: TaskExecutor {
  /// For all collectors of the program; never ended.
  static let shared = ReadingThreads(count: max(2, ProcessInfo.processInfo.activeProcessorCount))

  private let jobs = Mutex<[UnownedJob]>([])
  private let waiting = DispatchSemaphore(value: 0)

  /// - Parameter count: how many requests are read at the same time.
  init(count: Int) {
    for _ in 0..<count {
      let thread = Thread { self.work() }
      thread.name = "reading"
      thread.stackSize = 2 << 20
      thread.start()
    }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.withLock { $0.append(job) }
    waiting.signal()
  }

  private func work() {
    ThreadPriority.lower(to: 15)
    while true {
      waiting.wait()
      let job = jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
      job?.runSynchronously(on: asUnownedTaskExecutor())
    }
  }
}

/// The priority of the current thread.
public enum ThreadPriority {
  /// Lowers the priority of the current thread.
  ///
  /// - Parameter niceness: from 1 to 19, the lowest priority.
  public static func lower(to niceness: Int32) {
    // On Linux this changes only the calling thread. If it fails, the thread keeps its priority.
    #if canImport(Glibc)
      _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness)
    #else
      _ = setpriority(PRIO_PROCESS, 0, niceness)
    #endif
  }
}
