import Glibc
import KubernetesAPI
import SystemErrors

/// The files of a pod in its file system in memory.
struct PodFiles: Sendable {
  let sandbox: PodSandbox

  /// Where a file is inside the pod.
  static func inside(_ path: String) -> String { "\(PodSandbox.memory)/\(path)" }

  /// Makes a folder with those above it.
  ///
  /// - Parameter mode: of the last folder.
  func makeFolder(_ path: String, mode: mode_t = 0o755) throws(PodNetworkError) {
    var made = ""
    for part in path.split(separator: "/") {
      made += made.isEmpty ? "\(part)" : "/\(part)"
      guard part != "..", mkdir(sandbox.file(made), 0o755) == 0 || errno == EEXIST else { throw failure(made) }
    }
    guard chmod(sandbox.file(path), mode) == 0 else { throw failure(path) }
  }

  /// Replaces a file at once, with the folders above it. Everybody can read it.
  func replace(_ path: String, _ bytes: [UInt8]) throws(PodNetworkError) {
    if let slash = path.lastIndex(of: "/") { try makeFolder(String(path[..<slash])) }
    guard case .success = FileAccess.write(bytes, to: sandbox.file(path)), chmod(sandbox.file(path), 0o644) == 0 else {
      throw failure(path)
    }
  }

  /// Changes a file in place, so that it is changed where it is mounted too.
  func overwrite(_ path: String, _ text: String) throws(PodNetworkError) {
    let descriptor = open(sandbox.file(path), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure(path) }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    // Never empty in between.
    guard FileAccess.write(bytes, to: descriptor), ftruncate(descriptor, bytes.count) == 0 else { throw failure(path) }
  }

  private func failure(_ path: String) -> PodNetworkError {
    PodNetworkError(code: .failed, message: "\(Self.inside(path)) of the pod cannot be written: \(SystemError.last)")
  }
}
