import MeshClient

/// What an answer to `POST /bootstrap` means. Source of the rules: Kuma 2.7.
enum BootstrapVerdict: Sendable, Equatable {
  /// Here it is.
  case bootstrap(Bootstrap)
  /// There is no bootstrap yet; the reason, to follow a colon.
  case later(String)
  /// There is no bootstrap because there is no such Dataplane, which the control plane may be about to make; the reason.
  case noDataplane(String)
  /// There will be no bootstrap; the reason, as a sentence.
  case never(String)

  /// Judges an answer.
  ///
  /// - Parameter proxy: mesh and name of the proxy, whose Dataplane the control plane has to know.
  init(status: Int, body: [UInt8], from address: ControlPlaneAddress, proxy: (mesh: String, name: String)) {
    let text = Self.text(body)
    switch status {
    case 200..<300:
      guard let bootstrap = Bootstrap(answer: body) else {
        self = .never("\(address)/bootstrap answered with something other than an Envoy configuration; \(Self.advice)")
        return
      }
      self = .bootstrap(bootstrap)
    case 404 where body.isEmpty:
      self = .noDataplane(
        "it has no Dataplane \"\(proxy.name)\" in the mesh \"\(proxy.mesh)\"; create it with `kumactl apply`, or with "
          + "`kubectl apply` on Kubernetes, or give its definition with --dataplane-file")
    case 404: self = .never("there is no \(address)/bootstrap; \(Self.advice) (\(text))")
    // Too many requests of the proxy's address.
    case 429: self = .later("it answered with status \(status)\(text.isEmpty ? "" : ": \(text)")")
    case 400..<500:
      self = .never(
        "the control plane at \(address) refuses the proxy: \(text.isEmpty ? "status \(status)" : text)")
    case 500...: self = .later("it answered with status \(status)\(text.isEmpty ? "" : ": \(text)")")
    default:
      self = .never("\(address)/bootstrap was answered with status \(status); \(Self.advice)")
    }
  }

  /// What follows when the port at an address does not speak TLS, which no waiting changes.
  static func withoutTLS(_ address: ControlPlaneAddress) -> BootstrapVerdict {
    .never(
      "the port \(address.port) of \(address.host) does not speak TLS, which \(address) asks for; \(advice); where the data plane "
        + "server has no TLS, start the address with http://")
  }

  private static let advice =
    "--cp-address has to name the port of the data plane server (5678 by default), not that of the HTTP API"

  /// The text of an answer as it can stand in a message: at most 4 KiB, no control characters.
  private static func text(_ body: [UInt8]) -> String {
    let text = String(decoding: body.prefix(4096), as: UTF8.self)
    let scalars = text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) }
    return String(scalars).split(separator: " ").joined(separator: " ")
  }
}
