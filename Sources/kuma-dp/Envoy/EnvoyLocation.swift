import Glibc
import ProcessSupervisor
import ProgramSettings

/// Finds Envoy's executable.
enum EnvoyLocation {
  /// Looks for Envoy: where it was named, in `$ENVOY`, in `PATH`, beside this program, and in a `.venv/bin` of any folder
  /// above it, which is where the project's own set-up puts it.
  ///
  /// - Parameters:
  ///   - named: the option or variable that names it. What is named is not looked for elsewhere.
  ///   - environment: holds `ENVOY` and `PATH`.
  ///   - program: the path of this program; `nil` where it is not known.
  /// - Throws: ``LaunchFailure`` that says what to do.
  static func find(
    named: GivenSetting?, environment: [String: String], program: String?
  ) throws(LaunchFailure) -> String {
    let path = environment["PATH"]
    if let named { return try check(named.text, place: named.place, path) }
    if let text = environment["ENVOY"], !text.isEmpty { return try check(text, place: "ENVOY", path) }
    if let found = ChildProcess.find("envoy", path: path) { return found }
    var folder = program.flatMap(parent)
    if let beside = folder.map({ "\($0)/envoy" }), isExecutable(beside) { return beside }
    while let current = folder {
      let candidate = "\(current == "/" ? "" : current)/.venv/bin/envoy"
      if isExecutable(candidate) { return candidate }
      folder = parent(current)
    }
    throw LaunchFailure(
      .noEnvoy,
      "there is no Envoy: no program envoy is in PATH. Install Envoy (`Scripts/setup demo` does it for this project), or name "
        + "its executable with --binary-path or the variable ENVOY")
  }

  /// The path of this program; `nil` when the system does not tell.
  static var thisProgram: String? {
    guard let pointer = realpath("/proc/self/exe", nil) else { return nil }
    defer { free(pointer) }
    return String(cString: pointer)
  }

  private static func check(_ text: String, place: String, _ path: String?) throws(LaunchFailure) -> String {
    guard let found = ChildProcess.find(text, path: path) else {
      throw LaunchFailure(
        .noEnvoy,
        "there is no Envoy: \(place) names the program \(text), which is not in PATH; give the whole path of "
          + "Envoy's executable")
    }
    guard isExecutable(found) else {
      let state = access(found, F_OK) == 0 ? "cannot be executed" : "does not exist"
      throw LaunchFailure(
        .noEnvoy, "there is no Envoy: \(place) names \(found), which \(state); give the path of Envoy's executable")
    }
    return found
  }

  private static func isExecutable(_ path: String) -> Bool {
    var information = stat()
    return stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
  }

  private static func parent(_ path: String) -> String? {
    guard path != "/", let slash = path.lastIndex(of: "/") else { return nil }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
