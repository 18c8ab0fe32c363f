import Documents
import Foundation
import SystemErrors

/// A client certificate, with its chain if any, and its key, as PEM.
struct CertificatePair: Sendable, Hashable {
  var certificate: [UInt8]
  var key: [UInt8]
}

/// What a request carries to prove who sends it.
struct Credentials: Sendable, Hashable {
  var token: String?
  var certificate: CertificatePair?
}

/// Gives the credentials of an access, as new as they have to be: files are read again every 10 seconds, a plugin runs again
/// when its credentials expire, and both are asked anew when the API server has refused what they gave.
actor CredentialSource {
  typealias Failure = KubernetesAccess.Failure

  /// How long the content of files is believed.
  private static let fileAge: Duration = .seconds(10)
  /// How long before their end a plugin's credentials are renewed, in seconds.
  private static let margin: Int64 = 10

  private let identity: KubernetesAccess.Identity
  private var fromFiles: (credentials: Credentials, time: ContinuousClock.Instant)?
  private var fromPlugin: ExecPlugin.Output?
  /// Whether the plugin runs.
  private var isRunning = false
  /// Those who wait for its end.
  private var waiting: [Int: CheckedContinuation<Result<ExecPlugin.Output, Failure>, Never>] = [:]
  private var lastWaiting = 0

  init(_ identity: KubernetesAccess.Identity) { self.identity = identity }

  /// The credentials for a request.
  func credentials() async throws(Failure) -> Credentials {
    var credentials = try files()
    guard let plugin = identity.plugin else { return credentials }
    let output = try await output(of: plugin)
    // What stands in the kubeconfig itself goes before what its plugin gives.
    credentials.token = credentials.token ?? output.token
    credentials.certificate = credentials.certificate ?? output.certificate
    return credentials
  }

  /// Notes that the API server does not take credentials, so that newer ones are looked for.
  func refuse(_ credentials: Credentials) {
    fromFiles = nil
    guard let output = fromPlugin else { return }
    if output.token == credentials.token || output.certificate == credentials.certificate { fromPlugin = nil }
  }

  private func files() throws(Failure) -> Credentials {
    if let fromFiles, ContinuousClock.now - fromFiles.time < Self.fileAge { return fromFiles.credentials }
    let credentials: Credentials
    do throws(Failure) { credentials = try readFiles() } catch {
      // A file may be missing while it is replaced.
      guard let fromFiles else { throw error }
      return fromFiles.credentials
    }
    fromFiles = (credentials, .now)
    return credentials
  }

  private func readFiles() throws(Failure) -> Credentials {
    var credentials = Credentials()
    if let token = identity.token {
      let text = String(decoding: try token.bytes(), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
      guard !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
        throw Failure(
          code: .noCredentials,
          message: "\(token.name) holds no token: it has to be one line of ASCII text without blanks")
      }
      credentials.token = text
    }
    if let source = identity.certificate {
      credentials.certificate = CertificatePair(
        certificate: try source.certificate.bytes(), key: try source.key.bytes())
    }
    return credentials
  }

  private func output(of plugin: ExecPlugin) async throws(Failure) -> ExecPlugin.Output {
    if let fromPlugin {
      guard let expires = fromPlugin.expires else { return fromPlugin }
      if expires.seconds - Self.margin > Int64(Date().timeIntervalSince1970) { return fromPlugin }
    }
    if !isRunning {
      isRunning = true
      Task { finish(await Self.run(plugin)) }
    }
    lastWaiting += 1
    let number = lastWaiting
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if Task.isCancelled { return continuation.resume(returning: Self.givenUp) }
        waiting[number] = continuation
      }
    } onCancel: {
      Task { await giveUp(number) }
    }
    return try result.get()
  }

  private static func run(_ plugin: ExecPlugin) async -> Result<ExecPlugin.Output, Failure> {
    do throws(Failure) { return .success(try await plugin.run()) } catch { return .failure(error) }
  }

  private func finish(_ result: Result<ExecPlugin.Output, Failure>) {
    isRunning = false
    if case .success(let output) = result { fromPlugin = output }
    for continuation in waiting.values { continuation.resume(returning: result) }
    waiting = [:]
  }

  /// A request does not wait any longer. The plugin goes on for the next one.
  private func giveUp(_ number: Int) {
    waiting.removeValue(forKey: number)?.resume(returning: Self.givenUp)
  }

  private static let givenUp = Result<ExecPlugin.Output, Failure>.failure(
    Failure(code: .noCredentials, message: "the credentials of the plugin were not waited for"))
}

extension KubernetesAccess.Text {
  /// The text, from its file if it has one.
  func bytes() throws(KubernetesAccess.Failure) -> [UInt8] {
    switch self {
    case .inline(let bytes): return bytes
    case .file(let path):
      switch FileAccess.read(path, limit: KubernetesAccess.fileLimit, waits: false) {
      case .success(let bytes): return bytes
      case .failure(let failure):
        throw KubernetesAccess.Failure(code: .noCredentials, message: "credentials cannot be read (\(failure))")
      }
    }
  }

  /// The name for messages.
  var name: String {
    switch self {
    case .inline: "the kubeconfig's field token"
    case .file(let path): "the file \(path)"
    }
  }
}

extension KubernetesAccess.Trust {
  /// The certificates as PEM; `nil` where none are named.
  func bytes() throws(KubernetesAccess.Failure) -> [UInt8]? {
    switch self {
    case .system, .anything: return nil
    case .certificates(let bytes): return bytes
    case .file(let path):
      switch FileAccess.read(path, limit: KubernetesAccess.fileLimit, waits: false) {
      case .success(let bytes): return bytes
      case .failure(let failure):
        throw KubernetesAccess.Failure(
          code: .badConfiguration, message: "the cluster's certificates cannot be read (\(failure))")
      }
    }
  }
}

extension [UInt8] {
  /// The bytes as base64 text.
  var base64: String { Data(self).base64EncodedString() }
}
