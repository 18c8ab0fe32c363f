import Documents

/// A probe of a container, or the action of a hook.
struct ProbePlan: Sendable, Hashable {
  /// What is asked.
  enum Action: Sendable, Hashable {
    case http(address: String?, port: UInt16, path: String, headers: [Header], isTLS: Bool)
    case connection(address: String?, port: UInt16)
    case command([String])
    /// What this node cannot ask.
    case unknown(String)
  }

  struct Header: Sendable, Hashable {
    var name: String
    var value: String
  }

  var action: Action
  var initialDelay: Duration
  var period: Duration
  var timeout: Duration
  var successThreshold: Int
  var failureThreshold: Int

  /// Reads a probe with Kubernetes' defaults; `nil` when there is none.
  ///
  /// - Parameter container: names its ports.
  init?(_ probe: DocumentValue?, of container: DocumentValue) {
    guard let probe else { return nil }
    func number(_ key: String, _ usual: Int) -> Int { probe[key]?.number.flatMap(Int.init(exactly:)) ?? usual }
    action = Self.action(probe, of: container)
    initialDelay = .seconds(number("initialDelaySeconds", 0))
    period = .seconds(max(number("periodSeconds", 10), 1))
    timeout = .seconds(max(number("timeoutSeconds", 1), 1))
    successThreshold = max(number("successThreshold", 1), 1)
    failureThreshold = max(number("failureThreshold", 3), 1)
  }

  /// Reads what a probe or a hook does.
  static func action(_ value: DocumentValue, of container: DocumentValue) -> Action {
    if let command = value["exec"]?["command"]?.array { return .command(command.compactMap(\.string)) }
    for key in ["httpGet", "tcpSocket"] {
      guard let action = value[key] else { continue }
      guard let port = port(action["port"], of: container) else {
        return .unknown("the port of \(key) is neither a number nor the name of a port of the container")
      }
      let address = action["host"]?.string
      guard key == "httpGet" else { return .connection(address: address, port: port) }
      let headers = (action["httpHeaders"]?.array ?? []).compactMap { header -> Header? in
        guard let name = header["name"]?.string else { return nil }
        return Header(name: name, value: header["value"]?.string ?? "")
      }
      let path = action["path"]?.string ?? "/"
      return .http(
        address: address, port: port, path: path.hasPrefix("/") ? path : "/\(path)", headers: headers,
        isTLS: action["scheme"]?.string == "HTTPS")
    }
    return .unknown("only httpGet, tcpSocket and exec are known here")
  }

  private static func port(_ value: DocumentValue?, of container: DocumentValue) -> UInt16? {
    if let number = value?.number { return UInt16(exactly: number) }
    guard let name = value?.string else { return nil }
    if let number = UInt16(name) { return number }
    let port = container["ports"]?.array?.first { $0["name"]?.string == name }
    return port?["containerPort"]?.number.flatMap(UInt16.init(exactly:))
  }
}

/// Counts the results of a probe. Source:
/// https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
struct ProbeCount: Sendable {
  private(set) var isSuccess: Bool
  private var streak = 0
  private var last: Bool?
  private let successThreshold: Int
  private let failureThreshold: Int

  /// - Parameter isSuccess: what counts before the first result.
  init(_ probe: ProbePlan, isSuccess: Bool) {
    self.isSuccess = isSuccess
    successThreshold = probe.successThreshold
    failureThreshold = probe.failureThreshold
  }

  /// Takes a result.
  ///
  /// - Returns: what counts now, when this result has made a threshold full.
  mutating func take(_ result: Bool) -> Bool? {
    streak = result == last ? min(streak + 1, max(successThreshold, failureThreshold)) : 1
    last = result
    guard streak >= (result ? successThreshold : failureThreshold) else { return nil }
    isSuccess = result
    return result
  }
}
