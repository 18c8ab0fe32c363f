import NIOCore
package import NIOPosix
import Synchronization

/// Separate threads on which some listeners receive, process and answer requests.
///
/// Decompressing and parsing takes processor time. On the threads that all tasks share, a flood of requests would delay the whole
/// program; on these threads it delays only these listeners. A request changes threads only to wait for the disk, because for small
/// requests waking another thread costs more than the work.
package final class RequestLoops: TaskExecutor {
  /// Runs the connections of the listeners.
  package let group: MultiThreadedEventLoopGroup
  /// The number of running listeners.
  private let listeners = Mutex(0)

  /// Starts the threads: half as many as the machine has processors, at least one.
  ///
  /// - Parameter onStart: called on each thread, for example to set its priority.
  package init(onStart: @escaping @Sendable () -> Void = {}) {
    group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, System.coreCount / 2))
    for loop in group.makeIterator() { loop.execute(onStart) }
  }

  /// Runs a job on the calling thread if it is one of these, or on any of them.
  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    group.any().execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }

  /// Registers a listener, which must call ``leave()`` when it has ended.
  func join() { listeners.withLock { $0 += 1 } }

  /// Ends the threads when the last listener has ended.
  func leave() async throws {
    let isLast = listeners.withLock { listeners in
      listeners -= 1
      return listeners == 0
    }
    if isLast { try await group.shutdownGracefully() }
  }
}
