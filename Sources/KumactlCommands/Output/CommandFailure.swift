import MeshClient

/// Why a command failed, as shown to the user.
struct CommandFailure: Error {
  /// What is wrong and what to do.
  var message: String
  /// Whether the control plane's version is unknown because it did not answer.
  var isUnconfirmed = false

  init(_ message: String, isUnconfirmed: Bool = false) {
    self.message = message
    self.isUnconfirmed = isUnconfirmed
  }
}

extension ControlPlaneError {
  /// The error with the failed action in front, if nothing answered. A control plane's own message stays unchanged.
  func during(_ action: String) -> ControlPlaneError {
    guard status == nil else { return self }
    var error = self
    error.title = "\(action): \(title)"
    return error
  }

  /// The error with advice, where there is some.
  var withAdvice: ControlPlaneError {
    guard let advice else { return self }
    var error = self
    error.title = "\(detail.isEmpty ? title : "\(title) (\(detail))"); \(advice)"
    error.detail = ""
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
    case .denied where status == 401:
      "show a user token that is valid: kumactl config control-planes add --overwrite --name NAME --address URL "
        + "--auth-type tokens --auth-conf token=TOKEN"
    case .denied where status == nil:
      "put the certificate of --client-cert-file, or its authority, into the folder that the control plane has in "
        + "apiServer.auth.clientCertsDir"
    case .denied: "ask an administrator for the permission, or for a token with a group that has it"
    case .unreachable:
      address.map { "is a control plane running at \($0)? Start it with `kuma-cp run`, or correct the address" }
    default: nil
    }
  }

  /// Whether the control plane's version is unknown because it did not answer.
  var isUnconfirmed: Bool {
    switch code {
    case .unreachable, .timedOut, .untrusted, .misnamed, .outOfDate, .plaintext: true
    case .denied: status == nil
    default: false
    }
  }
}
