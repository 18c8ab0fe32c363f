import Glibc
import PodNetwork
import ProcessSupervisor
import SystemErrors

/// What a cluster on this machine needs besides the demo's own programs.
struct ClusterPrograms: Sendable {
  /// The script that builds and starts an API server.
  let script: String
  let programs: Programs
  /// The file of Envoy's program; the wheel's `envoy` is a script that starts it.
  let envoy: String

  /// Finds them.
  ///
  /// - Throws: ``DemoFailure`` naming what is missing and how to get it.
  init(_ programs: Programs) throws(DemoFailure) {
    self.programs = programs
    script = try Self.findScript(near: programs.demo)
    envoy = try Self.program(of: programs.envoy)
  }

  /// What stands in the place of the images that the injected pods name.
  var images: [String: ContainerImage] {
    [
      "kuma-dp": ContainerImage(
        files: ["/usr/bin/kuma-dp": programs.dataplane, "/usr/bin/envoy": envoy], entrypoint: ["/usr/bin/kuma-dp"],
        user: 5678),
      "kuma-init": ContainerImage(files: ["/usr/bin/kumactl": programs.kumactl], entrypoint: ["/usr/bin/kumactl"]),
      "kuma-demo": ContainerImage(
        files: ["/usr/bin/kuma-demo": programs.demo], entrypoint: ["/usr/bin/kuma-demo"], user: 65532),
    ]
  }

  /// Makes sure that this machine allows what pods need.
  ///
  /// - Throws: ``DemoFailure`` saying what is missing.
  static func checkMachine() async throws(DemoFailure) {
    if let whyNot = await PodNetwork.whyNot() {
      throw DemoFailure("pods cannot be run on this machine: \(whyNot)")
    }
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    for program in ["iptables", "ip6tables"] where ChildProcess.find(program, path: path) == nil {
      throw DemoFailure("there is no program \(program); install the package iptables")
    }
  }

  private static func findScript(near program: String) throws(DemoFailure) -> String {
    var folder = program[...]
    // The program is in .build/debug of the repository, or in .build/release.
    while let slash = folder.lastIndex(of: "/") {
      folder = folder[..<slash]
      let script = "\(folder)/Scripts/kubernetes-apiserver"
      if access(script, X_OK) == 0 { return script }
    }
    throw DemoFailure(
      "Scripts/kubernetes-apiserver, which starts the API server, is in no folder around \(program); run the demo from a "
        + "clone of the repository: make demo ARGS=--kubernetes")
  }

  private static func program(of envoy: String) throws(DemoFailure) -> String {
    guard case .success(let names) = FileAccess.names(in: "\(folder(folder(envoy)))/lib"), isScript(envoy) else {
      return envoy
    }
    for name in names where name.hasPrefix("python3") {
      let path = "\(folder(folder(envoy)))/lib/\(name)/site-packages/envoy/_bin/envoy"
      if access(path, X_OK) == 0 { return path }
    }
    throw DemoFailure("\(envoy) is a script, which has no program of Envoy behind it; name the program with --envoy")
  }

  private static func folder(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }

  private static func isScript(_ path: String) -> Bool {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return false }
    defer { close(file) }
    var bytes: [UInt8] = [0, 0]
    return read(file, &bytes, 2) == 2 && bytes == Array("#!".utf8)
  }
}
