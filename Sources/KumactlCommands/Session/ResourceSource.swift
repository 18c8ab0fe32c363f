import MeshClient
import MeshModel
import SystemErrors

/// Where resources come from: a file, a directory, a web address or standard input.
struct ResourceSource {
  let name: String

  init(_ name: String) { self.name = name }

  /// The texts with their files; a directory has one text for each file, sorted by name.
  func texts() async throws -> [(text: String, file: String?)] {
    if name == "-" { return [(try Self.text(FileAccess.readStandardInput(), of: "standard input"), nil)] }
    if name.hasPrefix("http://") || name.hasPrefix("https://") {
      do {
        return [(try Self.text(.success(try await RemoteText.fetch(name)), of: name), nil)]
      } catch let error as RemoteText.Failure {
        throw CommandFailure("error while reading provided file: \(error)")
      }
    }
    guard FileAccess.isDirectory(name) else { return [(try Self.text(FileAccess.read(name), of: name), nil)] }
    let names = try Self.get(FileAccess.names(in: name)).filter { name in
      [".yaml", ".yml", ".json"].contains { name.hasSuffix($0) } && !name.hasPrefix(".")
    }
    guard !names.isEmpty else {
      throw CommandFailure("error while reading provided file: \(name) holds no file that ends in .yaml, .yml or .json")
    }
    let directory = name.hasSuffix("/") ? name : name + "/"
    return try names.map { (try Self.text(FileAccess.read(directory + $0), of: directory + $0), directory + $0) }
  }

  /// The text of a source, in any encoding of YAML.
  private static func text(_ read: Result<[UInt8], FileAccess.Failure>, of name: String) throws -> String {
    let bytes = try get(read)
    do {
      return try String(documentBytes: bytes)
    } catch {
      throw CommandFailure("error while reading provided file: \(name): \(error)")
    }
  }

  private static func get<Value>(_ result: Result<Value, FileAccess.Failure>) throws -> Value {
    switch result {
    case .success(let value): return value
    case .failure(let failure): throw CommandFailure("error while reading provided file: \(failure)")
    }
  }
}
