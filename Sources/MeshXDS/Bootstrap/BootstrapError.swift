import MeshModel

/// Why a bootstrap request failed.
struct BootstrapError: Error, Equatable {
  /// The kind of failure.
  enum Code: Int {
    /// The request itself is wrong.
    case badRequest = 400
    /// The proxy does not prove who it is.
    case unauthenticated = 401
    /// The proxy may not speak for the Dataplane.
    case forbidden = 403
    /// There is no such Dataplane yet; `kuma-dp` tries again when the body is empty.
    case notFound = 404
    /// The request is well-formed but invalid.
    case unprocessable = 422
    /// The control plane could not answer.
    case failed = 500
    /// What the answer depends on cannot be asked now.
    case unavailable = 503
  }

  var code: Code
  var message: String
  /// Why a proxy is refused, for the log only.
  var reason: String?

  init(code: Code, message: String, reason: String? = nil) {
    self.code = code
    self.message = message
    self.reason = reason
  }

  /// The failure as an answer.
  var response: BootstrapEndpoint.Response {
    BootstrapEndpoint.Response(
      status: code.rawValue, headers: message.isEmpty ? [:] : ["content-type": "text/plain"],
      body: Array(message.utf8), refusalReason: reason)
  }

  /// The refusal of a stream that would follow.
  init(_ refusal: SessionRefusal) {
    code =
      switch refusal.code {
      case .unauthenticated: .unauthenticated
      case .permissionDenied: .forbidden
      case .invalidArgument, .notFound, .unimplemented: .unprocessable
      case .unavailable, .resourceExhausted, .deadlineExceeded: .unavailable
      }
    message = refusal.message
    reason = refusal.reason
  }

  static let notAnAuthority =
    "the certificate in --ca-cert-file (KUMA_CONTROL_PLANE_CA_CERT_FILE) is not a certificate authority; give the one "
    + "that signed the control plane's certificate"

  /// Source of the first sentence: Kuma 2.7.
  static func sanMismatch(host: String, names: Set<String>) -> String {
    let list = names.sorted().map { "\"\($0)\"" }.joined(separator: " ")
    return
      "A data plane proxy is trying to connect to the control plane using \"\(host)\" address, but the certificate in "
      + "the control plane has the following SANs [\(list)]. Use one of them in --cp-address, or give the control "
      + "plane a certificate for \"\(host)\" in KUMA_GENERAL_TLS_CERT_FILE and KUMA_GENERAL_TLS_KEY_FILE and start it "
      + "again."
  }
}

extension Dataplane {
  /// Checks that Envoy's administration interface gets a port of its own on the loopback address.
  func check(adminPort: UInt32) throws(BootstrapError) {
    guard adminPort != 0, let networking else { return }
    func sharesAdminAddress(_ address: String) -> Bool {
      address == BootstrapRenderer.adminAddress || address == "0.0.0.0" || address == "::"
    }
    func clash(_ role: String) -> BootstrapError {
      BootstrapError(
        code: .unprocessable,
        message: "Resource precondition failed: Port \(adminPort) requested as both admin and \(role) port.")
    }
    for inbound in networking.inbound {
      let listener = inbound.address.isEmpty ? networking.address : inbound.address
      let workload = inbound.serviceAddress.isEmpty ? listener : inbound.serviceAddress
      let workloadPort = inbound.servicePort == 0 ? inbound.port : inbound.servicePort
      if sharesAdminAddress(listener) && inbound.port == adminPort
        || sharesAdminAddress(workload) && workloadPort == adminPort
      {
        throw clash("inbound")
      }
    }
    for outbound in networking.outbound
    where outbound.port == adminPort && (outbound.address.isEmpty || sharesAdminAddress(outbound.address)) {
      throw clash("outbound")
    }
  }
}

/// A host with an optional port, as a `Host` header has it.
struct HostAndPort: Equatable {
  var host: String
  var port: UInt16?

  /// Parses `name`, `name:port`, `[IPv6]:port`, `[IPv6]` or a bare IPv6 address; `nil` when there is no host.
  init?(_ text: String) {
    if text.first == "[", let close = text.firstIndex(of: "]") {
      host = String(text[text.index(after: text.startIndex)..<close])
      let rest = text[text.index(after: close)...]
      if !rest.isEmpty {
        guard rest.first == ":", let number = UInt16(rest.dropFirst()) else { return nil }
        port = number
      }
      guard HostRules.isIPv6(host) else { return nil }
      return
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if parts.count == 2, let name = parts.first, let last = parts.last {
      guard let number = UInt16(last) else { return nil }
      host = String(name)
      port = number
    } else {
      host = text
    }
    guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || $0 == "/" }),
      HostRules.isIPv6(host) || !host.contains(":")
    else { return nil }
  }
}
