import Glibc
import ProcessSupervisor

/// An API server of Kubernetes with its etcd and its controllers, and kubectl for it.
struct ClusterServer: Sendable {
  private let script: String
  private let folder: DemoFolder
  private let fleet: Fleet
  /// The folder of keys and data.
  private var path: String { folder.file("kubernetes") }

  /// The path of kubectl.
  let kubectlPath: String
  /// The path of its configuration.
  var kubeconfig: String { "\(path)/kubeconfig" }

  /// Finds the servers.
  ///
  /// - Returns: `nil` when they have to be built first.
  init?(_ programs: ClusterPrograms, folder: DemoFolder, fleet: Fleet) async throws(DemoFailure) {
    script = programs.script
    self.folder = folder
    self.fleet = fleet
    let found = try await fleet.run(script, ["path"])
    guard found.status.isSuccess, let programs = found.output.first else { return nil }
    kubectlPath = "\(programs)/kubectl"
  }

  /// Builds the servers, which takes minutes.
  static func build(_ programs: ClusterPrograms, fleet: Fleet) async throws(DemoFailure) {
    let built = try await fleet.run(programs.script, ["build"], limit: .seconds(3600))
    guard built.status.isSuccess else {
      throw DemoFailure(
        "the API server cannot be built, \(programs.script) build \(built.status): \(built.errors.last ?? "")")
    }
  }

  /// Starts the servers.
  ///
  /// - Parameter wait: asks until there is an answer.
  func start(
    ports: [Int], wait: (_ failure: String, _ program: String, _ question: () async throws -> Bool) async throws -> Void
  ) async throws {
    guard mkdir(path, 0o755) == 0 else { throw DemoFailure("the folder \(path) cannot be made") }
    let prepared = try await fleet.run(script, ["prepare", path] + ports.map(String.init))
    guard prepared.status.isSuccess else {
      throw DemoFailure("the API server cannot be prepared: \(prepared.errors.last ?? "\(prepared.status)")")
    }
    for program in ["etcd", "kube-apiserver"] { try fleet.start(program, .cluster, script, ["serve", program, path]) }
    try await wait("the API server did not become ready", "kube-apiserver") {
      try await fleet.run(script, ["ready", path]).status.isSuccess
    }
    // It ends when the API server is not ready yet.
    try fleet.start("kube-controller-manager", .cluster, script, ["serve", "kube-controller-manager", path])
    try await wait("the controllers did not begin to work", "kube-controller-manager") {
      try await fleet.run(script, ["ready", path, "controllers"]).status.isSuccess
    }
  }

  /// Runs kubectl.
  ///
  /// - Throws: ``DemoFailure`` with its errors when it fails.
  func kubectl(_ arguments: String...) async throws(DemoFailure) -> ProgramOutput {
    let outcome = try await attempt(arguments)
    guard outcome.status.isSuccess else {
      throw DemoFailure(
        "kubectl \(arguments.joined(separator: " ")) \(outcome.status): \(outcome.errors.joined(separator: " "))",
        program: "kuma-cp")
    }
    return outcome
  }

  /// Runs kubectl, which may fail.
  func attempt(_ arguments: [String]) async throws(DemoFailure) -> ProgramOutput {
    try await fleet.run(kubectlPath, ["--kubeconfig", kubeconfig] + arguments, limit: .seconds(90))
  }
}
