import Documents
import Logging
import MeshAccess
import ProgramSettings
import Synchronization
import SystemErrors

/// Tokens for spans from a file: for a collector that runs alone and so has no store with Secrets.
///
/// A line has a mesh and a token, with blanks between. All tokens of a mesh count at the same time, so a token is replaced without loss:
/// add the new one, give it to the senders, remove the old one. The file is read again when it has changed, which is looked at when a
/// token is checked.
final class IngestTokenFile: Sendable {
  private struct State {
    var keys: KeyRing
    var stamp: FileStamp?
    var looked: ContinuousClock.Instant
  }

  /// What is wrong with the file, in one sentence. It contains no token.
  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  private static let bytesAtMost = 1 << 20
  private let path: String
  private let logger: Logger
  /// How long the file is not looked at again.
  private let interval: Duration
  private let state: Mutex<State>

  /// Reads the file.
  init(path: String, interval: Duration = .seconds(1), logger: Logger) throws(Fault) {
    self.path = path
    self.interval = interval
    self.logger = logger
    let stamp = FileStamp(path)
    state = Mutex(State(keys: try Self.read(path), stamp: stamp, looked: .now))
  }

  /// The mesh whose spans a token lets in; nil if it lets in none.
  func mesh(of token: String) -> String? { current().verifyIngestToken(token) }

  private func current(at now: ContinuousClock.Instant = .now) -> KeyRing {
    state.withLock { state in
      guard now - state.looked >= interval else { return state.keys }
      state.looked = now
      let stamp = FileStamp(path)
      guard stamp != state.stamp else { return state.keys }
      state.stamp = stamp
      do throws(Fault) {
        state.keys = try Self.read(path)
        logger.info("the tokens for spans were read again", metadata: ["file": "\(path)"])
      } catch {
        logger.warning(
          "the tokens for spans stay as they were, because their file cannot be used", metadata: ["error": "\(error)"])
      }
      return state.keys
    }
  }

  private static func read(_ path: String) throws(Fault) -> KeyRing {
    let bytes: [UInt8]
    switch FileAccess.read(path, limit: bytesAtMost, waits: false) {
    case .success(let content): bytes = content
    case .failure(let failure): throw Fault(description: "\(failure)")
    }
    var keys = KeyRing()
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
      let words = line.split { $0 <= 0x20 }
      guard let first = words.first, first.first != UInt8(ascii: "#") else { continue }
      let place = "line \(index + 1) of \(path)"
      guard words.count == 2 else {
        throw Fault(description: "\(place) has \(words.count) words; write a mesh and a token, such as: default TOKEN")
      }
      let mesh = String(decoding: first, as: UTF8.self)
      let fault = keys.add(ingestToken: String(decoding: words[1], as: UTF8.self), mesh: mesh, source: place)
      if let fault { throw Fault(description: "\(fault)") }
    }
    return keys
  }
}
