import Documents
import OrderedCollections
import ProcessSupervisor
import Synchronization

/// A program that gives credentials. Source of the protocol:
/// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
struct ExecPlugin: Sendable {
  typealias Failure = KubernetesAccess.Failure

  /// How long the program may take: less than a request, which then says why there are no credentials.
  static let time: Duration = .seconds(20)
  /// The most that it may write, in bytes.
  static let outputLimit = 1 << 20

  /// What a plugin has given.
  struct Output: Sendable, Hashable {
    var token: String?
    var certificate: CertificatePair?
    var expires: Timestamp?
  }

  private let apiVersion: String
  private let command: String
  private let arguments: [String]
  private let variables: [String: String]
  private let hint: String?
  private let information: String
  private let place: Kubeconfig.Place

  init(_ value: DocumentValue, place: Kubeconfig.Place, access: KubernetesAccess) throws(Failure) {
    self.place = place
    let versions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"]
    guard let version = value["apiVersion"]?.string, versions.contains(version) else {
      throw place.appending("apiVersion").failure("has to be \(versions.joined(separator: " or "))")
    }
    guard let command = value["command"]?.string, !command.isEmpty else { throw place.failure("names no command") }
    guard value["interactiveMode"]?.string != "Always" else {
      throw place.appending("interactiveMode").failure("is Always, but nobody can answer questions of the program here")
    }
    apiVersion = version
    // A name is looked up in PATH; a path with a slash begins in the file's folder.
    self.command = command.utf8.contains(UInt8(ascii: "/")) ? place.path(command) : command
    arguments = (value["args"]?.array ?? []).compactMap(\.scalarText)
    var variables: [String: String] = [:]
    for variable in value["env"]?.array ?? [] {
      if let name = variable["name"]?.string, !name.isEmpty { variables[name] = variable["value"]?.scalarText ?? "" }
    }
    self.variables = variables
    hint = value["installHint"]?.string
    var spec: DocumentValue.Object = ["interactive": false]
    if value["provideClusterInfo"]?.bool == true { spec["cluster"] = .object(Self.cluster(access)) }
    information = DocumentValue.object([
      "apiVersion": .string(version), "kind": "ExecCredential", "spec": .object(spec),
    ]).json()
  }

  private static func cluster(_ access: KubernetesAccess) -> DocumentValue.Object {
    var cluster: DocumentValue.Object = ["server": .string(access.server)]
    if let name = access.serverName { cluster["tls-server-name"] = .string(name) }
    switch access.trust {
    case .anything: cluster["insecure-skip-tls-verify"] = true
    case .system: break
    case .certificates, .file:
      if let bytes = try? access.trust.bytes() { cluster["certificate-authority-data"] = .string(bytes.base64) }
    }
    return cluster
  }

  /// Runs the program. It is killed when it takes too long or writes too much.
  func run() async throws(Failure) -> Output {
    let text = Mutex((output: "", errors: "", isTooLong: false))
    var environment = ChildProcess.currentEnvironment.merging(variables) { $1 }
    environment["KUBERNETES_EXEC_INFO"] = information
    let running = Mutex<ChildProcess?>(nil)
    let process: ChildProcess
    do throws(SpawnError) {
      process = try ChildProcess.start(
        ChildProcess.Command(
          command, arguments, environment: environment,
          output: .lines { line in
            let isTooLong = text.withLock {
              if $0.output.utf8.count + line.utf8.count >= Self.outputLimit { $0.isTooLong = true }
              if !$0.isTooLong { $0.output += line + "\n" }
              return $0.isTooLong
            }
            if isTooLong { running.withLock { $0?.signal(.kill) } }
          },
          errors: .lines { line in
            text.withLock { if $0.errors.utf8.count < 4096 { $0.errors += line + "\n" } }
          }))
    } catch {
      throw failure(error.message + (hint.map { "; \($0)" } ?? ""))
    }
    running.withLock { $0 = process }
    if text.withLock({ $0.isTooLong }) { process.signal(.kill) }
    let start = ContinuousClock.now
    let status = await process.end(within: Self.time)
    let isLate = ContinuousClock.now - start >= Self.time
    let result = text.withLock { $0 }
    guard !result.isTooLong else { throw failure("\(command) writes more than \(Self.outputLimit) bytes") }
    guard status.isSuccess else {
      let errors = result.errors.isEmpty ? "" : ": \(result.errors)"
      throw failure("\(command) \(isLate ? "has not ended within \(Self.time)" : "\(status)")\(errors)")
    }
    return try read(result.output)
  }

  private func read(_ text: String) throws(Failure) -> Output {
    guard let document = try? DocumentValue(json: text.utf8), document["kind"]?.string == "ExecCredential" else {
      throw failure("\(command) does not write an ExecCredential as JSON")
    }
    guard document["apiVersion"]?.string == apiVersion else {
      throw failure(
        "\(command) writes an ExecCredential of \(document["apiVersion"]?.string?.quoted ?? "no version"), not of "
          + "\(apiVersion); set exec.apiVersion to what the program writes")
    }
    let status = document["status"]
    var output = Output()
    if let token = status?["token"]?.string, !token.isEmpty {
      guard token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
        throw failure("\(command) writes a token that holds blanks or characters that are not ASCII")
      }
      output.token = token
    }
    switch (status?["clientCertificateData"]?.string, status?["clientKeyData"]?.string) {
    case (let certificate?, let key?) where !certificate.isEmpty && !key.isEmpty:
      output.certificate = CertificatePair(certificate: Array(certificate.utf8), key: Array(key.utf8))
    default: break
    }
    guard output.token != nil || output.certificate != nil else {
      throw failure("\(command) writes an ExecCredential without a token and without a certificate with its key")
    }
    if let time = status?["expirationTimestamp"]?.string {
      guard let expires = Timestamp(time) else {
        throw failure("\(command) writes an expirationTimestamp that is not a time: \(time.quoted)")
      }
      output.expires = expires
    }
    return output
  }

  private func failure(_ message: String) -> Failure {
    Failure(code: .noCredentials, message: "\(place.text): \(message)".printable(atMost: 1000))
  }
}
