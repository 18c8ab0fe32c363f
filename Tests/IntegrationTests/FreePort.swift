import ProcessSupervisor
import Synchronization

/// Ports that one test after the other takes: none is handed out twice in a run.
enum FreePort {
  private static let ports = Mutex(FreePorts())

  /// Some ports of 127.0.0.1 that were free a moment ago, all different.
  static func take(_ count: Int) throws -> [Int] {
    try ports.withLock { ports in try (0..<count).map { _ in try ports.take() } }
  }
}
