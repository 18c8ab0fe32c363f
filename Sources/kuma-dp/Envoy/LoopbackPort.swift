import ProcessSupervisor

/// A port of 127.0.0.1 that one run of this program has to itself among all runs on the machine.
///
/// Between choosing a port and Envoy's listening there is a moment in which another run would choose the same. So each
/// holds a name that stands for the port.
final class LoopbackPort: Sendable {
  /// The number.
  let number: UInt16
  private let reservation: AbstractName

  /// Takes a port.
  ///
  /// - Returns: `nil` if the port is in use, or reserved by another run.
  init?(_ number: UInt16) {
    guard Self.isFree(number), let reservation = AbstractName("kuma-dp/127.0.0.1:\(number)") else { return nil }
    self.number = number
    self.reservation = reservation
  }

  /// Takes any port; `nil` when there is none.
  static func any() -> LoopbackPort? {
    var ports = FreePorts()
    for _ in 0..<100 {
      guard let number = try? UInt16(exactly: ports.take()) else { return nil }
      if let port = LoopbackPort(number) { return port }
    }
    return nil
  }

  /// Whether a port is free at the moment.
  static func isFree(_ port: UInt16) -> Bool { FreePorts.isFree(Int(port)) }
}
