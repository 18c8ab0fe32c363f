import ArgumentParser
import Glibc
import MeshClient
import MeshModel

/// Completes names in a shell: those of resources in the control plane, and those of the configuration file.
///
/// Somebody has pressed Tab and waits: there is one request, of a second at most, unless `KUMACTL_COMPLETION_TIMEOUT` says another
/// duration. Whatever goes wrong, nothing is offered and nothing is said, and no configuration file is made.
enum NameCompletion {
  /// How long the control plane may take.
  private static var timeout: DurationArgument {
    getenv("KUMACTL_COMPLETION_TIMEOUT").flatMap { DurationArgument(argument: String(cString: $0)) }
      ?? DurationArgument(.seconds(1))
  }
  /// How many names are asked for.
  private static let limit = 1000

  /// The names of resources of a type, in the mesh of the command line.
  static func of(_ type: ResourceType) -> CompletionKind {
    .custom { (words: [String], index: Int, _: String) async -> [String] in
      await names(of: type, CompletedLine(words, index))
    }
  }

  /// The names of resources of the type that the command line has: `delete mesh <Tab>`.
  static var ofNamedType: CompletionKind {
    .custom { (words: [String], index: Int, _: String) async -> [String] in
      let line = CompletedLine(words, index)
      let types = ResourceType.allCases.filter(\.isUserWritten)
      guard let type = line.words.lazy.compactMap({ word in types.first { $0.argument == word } }).first else {
        return []
      }
      return await names(of: type, line)
    }
  }

  /// The names of the control planes in the configuration file.
  static var ofControlPlanes: CompletionKind {
    .custom { (words: [String], index: Int, _: String) async -> [String] in
      guard let session = session(CompletedLine(words, index)), let file = try? session.configurationFile() else {
        return []
      }
      return file.configuration.controlPlanes.map(\.name).filter(isPlain)
    }
  }

  private static func names(of type: ResourceType, _ line: CompletedLine) async -> [String] {
    guard let client = try? session(line)?.client() else { return [] }
    let mesh = line.value(long: "mesh", short: "m") ?? "default"
    let path = ControlPlaneClient.path(type, mesh: mesh)
    let page = try? await client.list(path, page: PageRequest(size: limit))
    return (page?.items ?? []).compactMap { $0["name"]?.string }.filter(isPlain)
  }

  /// The configuration that the command line chooses.
  private static func session(_ line: CompletedLine) -> Session? {
    var arguments = ["--api-timeout", timeout.description]
    if let file = line.value(long: "config-file") { arguments += ["--config-file", file] }
    if line.words.contains("--no-config") { arguments.append("--no-config") }
    return (try? GlobalOptions.parse(arguments)).map { Session($0, makesConfiguration: false) }
  }

  /// Whether a name may be handed to a shell. Shells expand what they complete from, and names come from a server: those with other
  /// characters than names of resources have are not offered.
  static func isPlain(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix("-")
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
          true
        default: false
        }
      }
  }
}

/// A command line of which a shell completes a word.
struct CompletedLine {
  /// The words without the program's name and without the one that is completed, as they are typed.
  let words: [String]

  /// - Parameters:
  ///   - words: the words, the program's name first.
  ///   - index: the place of the word that is completed.
  init(_ words: [String], _ index: Int) {
    self.words = words.enumerated().filter { $0.offset > 0 && $0.offset != index }.map(\.element)
  }

  /// The value of an option: `--mesh demo`, `--mesh=demo`, `-m demo` or `-mdemo`.
  func value(long: String, short: String? = nil) -> String? {
    for (index, word) in words.enumerated() {
      if word == "--\(long)" || short.map({ word == "-\($0)" }) == true {
        return index + 1 < words.count ? Self.withHome(words[index + 1]) : nil
      }
      if word.hasPrefix("--\(long)=") { return Self.withHome(String(word.dropFirst(long.count + 3))) }
      if let short, word.hasPrefix("-\(short)"), !word.hasPrefix("--") { return String(word.dropFirst(2)) }
    }
    return nil
  }

  /// A path with the home directory in place of the sign that only the shell knows.
  private static func withHome(_ path: String) -> String {
    guard path.hasPrefix("~/"), let home = getenv("HOME") else { return path }
    return String(cString: home) + path.dropFirst()
  }
}
