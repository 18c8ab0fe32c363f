import NIOCore
import NIOPosix
import Synchronization
import TraceCollector

/// The threads on which the collector's requests are read, worked on and answered, which give way to everything else.
///
/// Unpacking and parsing spans is work for the processor. On the threads that all tasks of a program share, a flood of
/// spans would keep everything else in the program waiting; here it keeps only the collector waiting. And a request does
/// not change threads but to wait for the disk: with small requests, waking another thread costs more than the work.
final class CollectorLoops: TaskExecutor {
  /// Whose channels the collector's listeners have.
  let group: MultiThreadedEventLoopGroup
  /// Listeners that have not ended.
  private let listeners = Mutex(0)

  /// Starts the threads: half as many as the machine has processors, and one at least.
  init() {
    group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, System.coreCount / 2))
    for loop in group.makeIterator() { loop.execute { ThreadPriority.giveWay(10) } }
  }

  /// Runs a job on the thread that asks for it, if it is one of these.
  func enqueue(_ job: consuming ExecutorJob) {
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
