import Documents
import Foundation
import SystemErrors

/// Where the API server is, how it proves who it is, and how this process does.
///
/// It is read once. What changes on disk (tokens, certificates) is named by its file and read again by the client.
package struct KubernetesAccess: Sendable {
  /// Access cannot be found, or credentials cannot be had.
  package struct Failure: Error, Sendable, CustomStringConvertible {
    /// The kind of failure, for programs to match on.
    package enum Code: Sendable, Hashable {
      /// There is no configuration at all.
      case noConfiguration
      /// A file cannot be read, or what is in it is not what has to be there.
      case badConfiguration
      /// A program or file that has to give credentials does not.
      case noCredentials
    }

    /// The kind of failure.
    package let code: Code
    /// What is wrong, where, and how to fix it.
    package let message: String

    package var description: String { message }
  }

  /// By which certificates the API server is recognised.
  enum Trust: Sendable, Hashable {
    /// Those of the system.
    case system
    /// Those in a PEM text.
    case certificates([UInt8])
    /// Those in a file, which is read with each new connection pool.
    case file(String)
    /// Any: the server's certificate is not verified.
    case anything
  }

  /// PEM text, or the file that holds it.
  enum Text: Sendable, Hashable {
    case inline([UInt8])
    case file(String)
  }

  /// A client certificate with its key.
  struct CertificateSource: Sendable, Hashable {
    var certificate: Text
    var key: Text
  }

  /// How this process proves who it is. Several may hold at once, as in kubeconfig.
  struct Identity: Sendable {
    var token: Text?
    var certificate: CertificateSource?
    var plugin: ExecPlugin?
    /// The user and the groups that requests are made as, if others than the own ones.
    var impersonatedUser: String?
    var impersonatedGroups: [String] = []
  }

  /// The URL of the API server, without a slash at the end.
  package var server: String
  /// The namespace to use where none is named.
  package var namespace: String
  /// Where this was found, for messages.
  package var origin: String
  var trust: Trust
  /// The name in the server's certificate, if it is not the one in the URL.
  var serverName: String?
  var identity: Identity

  /// The largest file with a token, a certificate or a key, in bytes.
  static let fileLimit = 1 << 20

  /// The access that a pod has: the service account's token and the cluster's certificates.
  ///
  /// - Parameters:
  ///   - environment: of the process; it names the server.
  ///   - folder: where the service account's files are.
  package static func inCluster(
    environment: [String: String], folder: String = "/var/run/secrets/kubernetes.io/serviceaccount"
  ) throws(Failure) -> KubernetesAccess {
    guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
      let port = environment["KUBERNETES_SERVICE_PORT"].flatMap(UInt16.init)
    else {
      throw Failure(
        code: .noConfiguration,
        message: "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT do not name an API server: this process does not "
          + "run in a pod; name a kubeconfig file")
    }
    let token = "\(folder)/token"
    if case .failure(let failure) = FileAccess.read(token, limit: fileLimit) {
      throw Failure(
        code: .noCredentials,
        message: "the service account's token cannot be read (\(failure)); set automountServiceAccountToken of the pod "
          + "and of its service account to true")
    }
    var namespace = "default"
    if case .success(let bytes) = FileAccess.read("\(folder)/namespace", limit: fileLimit) {
      let text = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
      if !text.isEmpty { namespace = text }
    }
    return KubernetesAccess(
      server: "https://\(host.contains(":") ? "[\(host)]" : host):\(port)", namespace: namespace,
      origin: "the pod's service account", trust: .file("\(folder)/ca.crt"), serverName: nil,
      identity: Identity(token: .file(token)))
  }

  /// The access of whoever runs this process: a named kubeconfig, the pod's service account, the files in `KUBECONFIG`,
  /// or `~/.kube/config`, whichever comes first.
  package static func find(
    kubeconfig: String?, context: String? = nil, environment: [String: String]
  ) throws(Failure) -> KubernetesAccess {
    if let kubeconfig, !kubeconfig.isEmpty { return try self.kubeconfig(path: kubeconfig, context: context) }
    if environment["KUBERNETES_SERVICE_HOST"]?.isEmpty == false { return try inCluster(environment: environment) }
    let paths = (environment["KUBECONFIG"] ?? "").split(separator: ":").map(String.init)
    if !paths.isEmpty { return try Kubeconfig(paths: paths).access(context: context) }
    if let home = environment["HOME"], !home.isEmpty {
      let path = "\(home)/.kube/config"
      switch FileAccess.read(path, limit: Kubeconfig.limit) {
      case .success: return try self.kubeconfig(path: path, context: context)
      case .failure: break
      }
    }
    throw Failure(
      code: .noConfiguration,
      message:
        "there is no access to Kubernetes: this process does not run in a pod, KUBECONFIG is not set, and there is "
        + "no ~/.kube/config; name a kubeconfig file")
  }

  /// The access that a kubeconfig file describes.
  ///
  /// - Parameter context: the name of the context; `nil` for the file's current one.
  package static func kubeconfig(path: String, context: String? = nil) throws(Failure) -> KubernetesAccess {
    try Kubeconfig(path: path).access(context: context)
  }
}

extension KubernetesAccess {
  /// The host in the server's URL, without the brackets of an IPv6 address.
  var host: String? {
    URL(string: server)?.host?.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
  }

  /// The URL that requests go to: with the name that is in the server's certificate.
  var requestURL: String {
    guard let serverName, var parts = URLComponents(string: server) else { return server }
    parts.host = serverName.contains(":") ? "[\(serverName)]" : serverName
    return parts.string ?? server
  }

  /// The host and the port of the server's URL, as a `Host` header has them.
  var authority: String? {
    guard let parts = URLComponents(string: server), let host = parts.host else { return nil }
    return parts.port.map { "\(host):\($0)" } ?? host
  }

  /// The port of the server's URL.
  var port: Int? {
    guard let parts = URLComponents(string: server) else { return nil }
    return parts.port ?? (parts.scheme?.lowercased() == "http" ? 80 : 443)
  }
}
