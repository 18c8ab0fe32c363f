import Foundation

/// The clients that tests are run with.
package enum KubectlAge: String, Sendable, CaseIterable {
  /// kubectl 1.20, of the API server's age.
  case oldest = "kubectl-1.20"
  /// kubectl 1.37.
  case newest = "kubectl"
}

extension KubernetesServer {
  /// Runs the real kubectl to its end.
  ///
  /// - Parameters:
  ///   - age: which one.
  ///   - arguments: as they are typed.
  ///   - input: what it reads with `-f -`.
  ///   - user: a context of the kubeconfig.
  ///   - note: called with each line as it comes, for `get -w`; cancel the task to end that.
  /// - Throws: ``KubernetesPrograms/Failure`` when there is none; a failure of its own is the status.
  package func kubectl(
    _ age: KubectlAge = .newest, _ arguments: String..., input: String? = nil, as user: String = "admin",
    note: (@Sendable (String) -> Void)? = nil
  ) async throws -> KubernetesPrograms.Output {
    try await kubectl(age, arguments, input: input, as: user, note: note)
  }

  /// Runs the real kubectl to its end.
  package func kubectl(
    _ age: KubectlAge = .newest, _ arguments: [String], input: String? = nil, as user: String = "admin",
    note: (@Sendable (String) -> Void)? = nil
  ) async throws -> KubernetesPrograms.Output {
    // What kubectl keeps about a server is kept beside the server, as ports are used again.
    try await KubernetesPrograms.run(
      try KubernetesPrograms.path(age.rawValue),
      ["--kubeconfig=\(kubeconfig)", "--context=\(user)", "--cache-dir=\(folder)/cache-\(age.rawValue)"] + arguments,
      input: input, environment: ["HOME": folder, "KUBECONFIG": kubeconfig], note: note)
  }

  /// Applies documents with the newest kubectl.
  ///
  /// - Returns: its output.
  /// - Throws: ``KubernetesPrograms/Failure`` with what it said.
  @discardableResult
  package func apply(_ documents: String, _ arguments: String...) async throws -> String {
    try await succeed(["apply", "-f", "-"] + arguments, input: documents)
  }

  /// Runs the newest kubectl, which has to succeed.
  ///
  /// - Returns: its output.
  /// - Throws: ``KubernetesPrograms/Failure`` with what it said.
  @discardableResult
  package func succeed(_ arguments: [String], input: String? = nil) async throws -> String {
    let result = try await kubectl(.newest, arguments, input: input)
    guard result.isSuccess else {
      throw KubernetesPrograms.Failure(
        description: "kubectl \(arguments.joined(separator: " ")): \(result.errors)\(result.output)")
    }
    return result.output
  }

  /// Makes a namespace with a name of its own.
  ///
  /// - Parameter labels: such as `kuma.io/system-namespace=true`.
  package func makeNamespace(_ prefix: String = "test", labels: String...) async throws -> String {
    let name = "\(prefix)-\(UUID().uuidString.prefix(8).lowercased())"
    try await succeed(["create", "namespace", name])
    if !labels.isEmpty { try await succeed(["label", "namespace", name] + labels) }
    return name
  }
}
