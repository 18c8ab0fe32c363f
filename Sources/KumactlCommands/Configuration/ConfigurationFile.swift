import Glibc
import MeshClient
import MeshModel

/// The file that keeps the configuration: `$HOME/.kumactl/config` unless another one is named.
struct ConfigurationFile {
  /// Where the configuration is kept; `nil` when it is not.
  let path: String?
  /// What the file says.
  var configuration: KumactlConfiguration

  /// Reads the file; one that does not exist is made, with the control plane of this machine in it.
  init(path: String?, isStored: Bool) throws {
    guard isStored else {
      self.path = nil
      configuration = .standard
      return
    }
    guard let path = path ?? Self.standardPath else {
      throw CommandFailure("HOME is not set; name the configuration file with --config-file, or use --no-config")
    }
    self.path = path
    configuration = .standard
    switch FileAccess.read(path) {
    case .success(let bytes):
      do {
        configuration = try KumactlConfiguration(yaml: String(documentBytes: bytes))
      } catch {
        throw CommandFailure("Failed to parse configuration from file \"\(path)\": yaml: \(error)")
      }
    case .failure(let failure) where failure.number == ENOENT:
      // A home that cannot be written to is no reason not to work.
      try? save()
    case .failure(let failure):
      throw CommandFailure("Failed to read configuration from file \"\(path)\": \(failure)")
    }
  }

  private static var standardPath: String? {
    guard let home = getenv("HOME") else { return nil }
    return "\(String(cString: home))/.kumactl/config"
  }

  /// Writes the configuration; readable for its owner only, since it may hold tokens.
  func save() throws {
    guard let path else { throw CommandFailure("the configuration is not kept; leave out --no-config") }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex { mkdir(String(path[..<slash]), 0o755) }
    if case .failure(let failure) = FileAccess.write(Array(configuration.yaml.utf8), to: path) {
      throw CommandFailure("Failed to write configuration to file \"\(path)\": \(failure)")
    }
  }
}
