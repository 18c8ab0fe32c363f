import NIOCore
import NIOPosix
import Synchronization

/// Threads of their own on which some listeners receive, work on and answer requests.
///
/// Unpacking and parsing is work for the processor. On the threads that all tasks of a program share, a flood of requests would
/// keep everything else in the program waiting; here it keeps only these listeners waiting. And a request changes threads only
/// to wait for the disk: with small requests, waking another thread costs more than the work.
package final class RequestLoops: TaskExecutor {
  /// Runs the connections of the listeners.
  let group: MultiThreadedEventLoopGroup
  /// Listeners that have not ended.
  private let listeners = Mutex(0)

  /// Starts the threads: half as many as the machine has processors, and one at least.
  ///
  /// - Parameter onStart: called on each of the threads, to set its priority, say.
  package init(onStart: @escaping @Sendable () -> Void = {}) {
    group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, System.coreCount / 2))
    for loop in group.makeIterator() { loop.execute(onStart) }
  }

  /// Runs a job on the thread that asks for it, if it is one of these.
  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    group.any().execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }

  /// Announces a listener, which has to ``leave()`` when it has ended.
  func join() { listeners.withLock { $0 += 1 } }

  /// Ends the threads if no other listener needs them: one whose thread has ended would wait for ever.
  func leave() async throws {
    let isLast = listeners.withLock { listeners in
      listeners -= 1
      return listeners == 0
    }
    if isLast { try await group.shutdownGracefully() }
  }
}
