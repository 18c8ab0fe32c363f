import Glibc
import MeshModel
import SystemErrors

/// The configuration file: by default `$HOME/.kumactl/config`.
struct ConfigurationFile {
  /// The path of the file; `nil` with `--no-config`.
  let path: String?
  /// The content of the file.
  var configuration: KumactlConfiguration

  /// Reads the file.
  ///
  /// - Parameters:
  ///   - path: the path of the file; `nil` for the standard one.
  ///   - isStored: whether there is a file at all.
  ///   - isMade: whether a missing file is made, with the control plane on this machine.
  init(path: String?, isStored: Bool, isMade: Bool = true) throws {
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
      // The program also works without a writable home directory.
      if isMade { try? save() }
    case .failure(let failure):
      throw CommandFailure("Failed to read configuration from file \"\(path)\": \(failure)")
    }
  }

  private static var standardPath: String? {
    guard let home = getenv("HOME") else { return nil }
    return "\(String(cString: home))/.kumactl/config"
  }

  /// Changes the configuration as it is in the file by now, and writes it. No other process changes it meanwhile.
  ///
  /// - Parameter body: changes it; nothing is written if it throws.
  mutating func change(_ body: (inout KumactlConfiguration) throws -> Void) throws {
    guard let path else { throw Self.notKept }
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    mkdir(folder, 0o755)
    // The file itself is replaced by each change, so that the lock is that of its folder.
    let lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { if lock >= 0 { close(lock) } }
    if lock >= 0 { while flock(lock, LOCK_EX) != 0, errno == EINTR {} }
    self = try ConfigurationFile(path: path, isStored: true, isMade: false)
    try body(&configuration)
    try save()
  }

  private static var notKept: CommandFailure {
    CommandFailure("the configuration is not kept; leave out --no-config")
  }

  /// Writes the configuration, readable only by its owner because it may contain tokens.
  func save() throws {
    guard let path else { throw Self.notKept }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex { mkdir(String(path[..<slash]), 0o755) }
    if case .failure(let failure) = FileAccess.write(Array(configuration.yaml.utf8), to: path) {
      throw CommandFailure("Failed to write configuration to file \"\(path)\": \(failure)")
    }
  }
}
