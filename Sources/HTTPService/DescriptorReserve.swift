import Glibc
package import NIOCore

/// The file descriptors that connections leave to the rest of the program.
///
/// Libraries do not survive without any: Dispatch ends the process if it cannot open a file to count its threads.
package struct DescriptorReserve: Sendable {
  /// How many are left to others. All listeners together may accept about 44 connections after they have looked the last time.
  private static let spare = 64

  /// The number of descriptors that the process may have. The limit of a running process can be changed.
  var limit: @Sendable () -> Int = processLimit

  private static let processLimit: @Sendable () -> Int = {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return .max }
    return Int(clamping: limit.rlim_cur)
  }

  /// A reserve of this process's descriptors.
  package init() {}

  init(limit: @escaping @Sendable () -> Int) { self.limit = limit }

  /// Whether connections may take further descriptors.
  var isKept: Bool {
    // A new descriptor gets the lowest free number.
    let lowest = open("/", O_RDONLY | O_CLOEXEC)
    guard lowest >= 0 else { return errno != EMFILE && errno != ENFILE }
    close(lowest)
    return Int(lowest) < limit() - Self.spare
  }
}

/// Has a listening channel accept nothing while the reserve of descriptors is not kept. New connections wait in the system's queue.
package final class DescriptorGuard: ChannelDuplexHandler {
  package typealias InboundIn = any Channel
  package typealias InboundOut = any Channel
  package typealias OutboundIn = any Channel
  package typealias OutboundOut = any Channel

  private static let pause = TimeAmount.milliseconds(100)

  private let reserve: DescriptorReserve
  private let service: RequestService
  private var nextLook: Scheduled<Void>?

  /// - Parameter service: counts and logs that connections have to wait.
  package init(_ reserve: DescriptorReserve, service: RequestService) {
    self.reserve = reserve
    self.service = service
  }

  package func read(context: ChannelHandlerContext) {
    guard nextLook == nil else { return }
    guard !reserve.isKept else { return context.read() }
    service.note(
      .descriptors,
      "few file descriptors are left, so new connections have to wait; raise the limit of open files of the process")
    look(later: context)
  }

  package func channelInactive(context: ChannelHandlerContext) {
    nextLook?.cancel()
    context.fireChannelInactive()
  }

  private func look(later context: ChannelHandlerContext) {
    nextLook = context.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { [self] in
      nextLook = nil
      guard !reserve.isKept else { return context.read() }
      look(later: context)
    }
  }
}
