import MeshClient

/// Why a command could not be carried out, in the words that the user reads.
struct CommandFailure: Error {
  /// What is wrong and what to do.
  var message: String
  /// Whether no control plane could be asked about its version.
  var isUnconfirmed = false

  init(_ message: String, isUnconfirmed: Bool = false) {
    self.message = message
    self.isUnconfirmed = isUnconfirmed
  }
}

extension ControlPlaneError {
  /// The error with what was being done in front, when nothing answered; a control plane's own words stay as they are.
  func during(_ action: String) -> ControlPlaneError {
    guard status == nil else { return self }
    var error = self
    error.title = "\(action): \(title)"
    return error
  }

  /// The error with what to do about it, where no control plane has said so.
  var withAdvice: ControlPlaneError {
    guard let advice else { return self }
    var error = self
    error.title += "; \(advice)"
    return error
  }

  private var advice: String? {
    switch code {
    case .timedOut: "try again or allow more time with --api-timeout"
    case .tooLarge: "ask for fewer with --size"
    case .untrusted, .misnamed:
      "name the CA certificate with --ca-cert-file, or skip the check with --skip-verify"
    case .outOfDate: "renew it, or correct the clock of this machine"
    case .plaintext: "begin the address with http:// instead of https://"
    case .unreachable:
      address.map { "is a control plane running at \($0)? Start it with `kuma-cp run`, or correct the address" }
    default: nil
    }
  }

  /// Whether no control plane could be asked about its version.
  var isUnconfirmed: Bool {
    switch code {
    case .unreachable, .timedOut, .untrusted, .misnamed, .outOfDate, .plaintext: true
    default: false
    }
  }
}
