import MeshClient

/// Where resources come from: a file, a directory, a web address or standard input.
struct ResourceSource {
  let name: String

  init(_ name: String) { self.name = name }

  /// The texts, of a directory one for each file in the order of names.
  func texts() async throws -> [String] {
    if name == "-" { return [String(decoding: try Self.get(FileAccess.readStandardInput()), as: UTF8.self)] }
    if name.hasPrefix("http://") || name.hasPrefix("https://") {
      do {
        return [try await RemoteText.fetch(name)]
      } catch {
        throw CommandFailure("error while reading provided file: \(error)")
      }
    }
    guard FileAccess.isDirectory(name) else { return [try Self.text(of: name)] }
    let names = try Self.get(FileAccess.names(in: name)).filter { name in
      [".yaml", ".yml", ".json"].contains { name.hasSuffix($0) } && !name.hasPrefix(".")
    }
    guard !names.isEmpty else {
      throw CommandFailure("error while reading provided file: \(name) holds no file that ends in .yaml, .yml or .json")
    }
    let directory = name.hasSuffix("/") ? name : name + "/"
    return try names.map { try Self.text(of: directory + $0) }
  }

  private static func text(of path: String) throws -> String {
    let bytes = try get(FileAccess.read(path))
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw CommandFailure("error while reading provided file: \(path) is not text in UTF-8")
    }
    return text
  }

  private static func get<Value>(_ result: Result<Value, FileAccess.Failure>) throws -> Value {
    switch result {
    case .success(let value): return value
    case .failure(let failure): throw CommandFailure("error while reading provided file: \(failure)")
    }
  }
}
