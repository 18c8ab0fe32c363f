import LogLimits
public import Logging
import Synchronization

/// How many lines a program writes, over all its loggers, whatever clients do.
///
/// A sentence is written ``linesPerSentence`` times a minute, and each level has ``linesPerLevel`` lines a minute, so that many
/// warnings hide no error. Lines below `info` are not limited: somebody who looks for a fault has asked for them.
public final class LogLines: Sendable {
  /// How often a sentence is written in a minute.
  public static let linesPerSentence = 60
  /// How many lines a level has in a minute.
  public static let linesPerLevel = 600

  private struct State {
    var limits: [Logger.Level: LogLimit] = [:]
    var unlogged = 0
  }

  private let unlimited: Set<String>
  private let state = Mutex(State())

  /// - Parameter unlimited: sentences that the user has asked to see each time.
  public init(unlimited: Set<String> = []) { self.unlimited = unlimited }

  /// How many lines were not written so far.
  public var unlogged: Int { state.withLock { $0.unlogged } }

  /// Asks for a line.
  ///
  /// - Returns: how many lines of the level were not written since the last one; `nil` if this one is not to be written either.
  func admit(_ level: Logger.Level, _ sentence: String, at now: ContinuousClock.Instant = .now) -> Int? {
    guard level >= .info, !unlimited.contains(sentence) else { return 0 }
    return state.withLock { state in
      let fresh = LogLimit(linesPerKind: Self.linesPerSentence, lines: Self.linesPerLevel)
      guard let unlogged = state.limits[level, default: fresh].admit(sentence, at: now) else {
        state.unlogged &+= 1
        return nil
      }
      return unlogged
    }
  }
}

/// Writes what another handler writes, as long as it is not too much. The next line tells how many were not written.
public struct LimitedLogHandler<Base: LogHandler>: LogHandler {
  private var base: Base
  private let lines: LogLines

  /// Makes a handler that writes through another one.
  public init(_ base: Base, _ lines: LogLines) {
    self.base = base
    self.lines = lines
  }

  /// The least level that is written.
  public var logLevel: Logger.Level {
    get { base.logLevel }
    set { base.logLevel = newValue }
  }

  /// What stands in every line.
  public var metadata: Logger.Metadata {
    get { base.metadata }
    set { base.metadata = newValue }
  }

  /// A value that stands in every line.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { base[metadataKey: key] }
    set { base[metadataKey: key] = newValue }
  }

  /// Writes an event if there is room for it.
  public func log(event: LogEvent) {
    guard let unlogged = lines.admit(event.level, event.message.description) else { return }
    guard unlogged > 0 else { return base.log(event: event) }
    var event = event
    // Who limits lines for reasons of their own counts those, too.
    let before = (event.metadata?["unlogged"]?.description).flatMap { Int($0) } ?? 0
    event.metadata = (event.metadata ?? [:]).merging(["unlogged": "\(unlogged + before)"]) { $1 }
    base.log(event: event)
  }
}
