import Dispatch
import Foundation
import Glibc
import Notifications

/// Follows files that others change, as the system reports it (inotify). It costs next to nothing while nothing changes.
///
/// It watches folders and not files, because a file is often replaced by renaming another one, and Kubernetes replaces the link to a
/// whole folder. Network file systems report nothing that other machines do: such files are read from time to time as well.
package enum FileWatch {
  /// How often files are read where the system tells of no changes: always seldom, and more often where it cannot tell at all.
  package static let (watchedPeriod, unwatchedPeriod) = (Duration.seconds(300), Duration.seconds(10))

  /// Calls an action at once and whenever files in folders may have changed, until the task is cancelled.
  ///
  /// - Parameters:
  ///   - folders: the folders; none if only time changes anything.
  ///   - action: gets the longest time after which files are to be read again, and returns the time after which it is called again if
  ///     nothing changes.
  package static func follow(_ folders: Set<String>, _ action: (_ period: Duration) async -> Duration) async {
    let wakeUps = WakeUps()
    let changes = folders.isEmpty ? nil : Self.changes(in: folders)
    let period = changes == nil ? unwatchedPeriod : watchedPeriod
    await withDiscardingTaskGroup { group in
      if let changes { group.addTask { for await _ in changes { wakeUps.wake() } } }
      wakeUps.wake()
      await wakeUps.run { await action(period) }
    }
  }

  /// The folder of a file.
  package static func folder(of file: String) -> String {
    URL(filePath: file).deletingLastPathComponent().path(percentEncoded: false)
  }

  /// The changes of files in folders: files that are written, moved, made, deleted, or get other rights. Elements that are not taken
  /// in time become one.
  ///
  /// - Returns: `nil` if the system can watch no more folders, or if one of them does not exist.
  package static func changes(in folders: some Collection<String>) -> AsyncStream<Void>? {
    // The flags are those of open, as the manual of inotify says.
    let descriptor = inotify_init1(O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    for folder in folders {
      guard inotify_add_watch(descriptor, folder, Self.events) >= 0 else {
        close(descriptor)
        return nil
      }
    }
    let (changes, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    // Canceling is safe on every thread.
    nonisolated(unsafe) let source = DispatchSource.makeReadSource(
      fileDescriptor: descriptor, queue: .global(qos: .utility))
    source.setEventHandler {
      // What has changed does not matter.
      withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 8) { buffer in
        while read(descriptor, buffer.baseAddress, buffer.count) > 0 {}
      }
      continuation.yield()
    }
    source.setCancelHandler { close(descriptor) }
    continuation.onTermination = { _ in source.cancel() }
    source.activate()
    return changes
  }

  private static let events = [IN_CLOSE_WRITE, IN_MOVED_TO, IN_MOVED_FROM, IN_CREATE, IN_DELETE, IN_ATTRIB].reduce(0) {
    $0 | UInt32($1)
  }
}
