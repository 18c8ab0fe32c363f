import Dispatch
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Threads that decompress and parse large requests, so that neither other requests of the event loop nor the rest of the program
/// waits for one.
///
/// The cost of a request is bounded, but a machine may be slow. The threads therefore have a low priority: the system's scheduler
/// prefers the threads that answer.
final class ReadingThreads: TaskExecutor {
  /// The threads for all collectors of the program. They never end.
  static let shared = ReadingThreads(count: max(2, ProcessInfo.processInfo.activeProcessorCount))

  private let jobs = Mutex<[UnownedJob]>([])
  private let waiting = DispatchSemaphore(value: 0)

  /// - Parameter count: how many requests are parsed at the same time.
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
