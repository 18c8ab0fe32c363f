public import Logging
import MeshModel

/// Writes what another handler writes, each event on one line, with nothing in it that acts on a terminal, and without passwords in
/// URLs and private keys: names, addresses and messages in logs come from outside too.
public struct PrintableLogHandler<Base: LogHandler>: LogHandler {
  private var base: Base

  /// How many characters of one value are written.
  private static var longest: Int { 8_000 }

  /// Makes a handler that writes through another one.
  public init(_ base: Base) {
    self.base = base
    self.base.metadata = base.metadata.mapValues(Self.printable)
  }

  /// The least level that is written.
  public var logLevel: Logger.Level {
    get { base.logLevel }
    set { base.logLevel = newValue }
  }

  /// What stands in every line.
  public var metadata: Logger.Metadata {
    get { base.metadata }
    set { base.metadata = newValue.mapValues(Self.printable) }
  }

  /// A value that stands in every line.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { base[metadataKey: key] }
    set { base[metadataKey: key] = newValue.map(Self.printable) }
  }

  /// Writes an event on one line.
  public func log(event: LogEvent) {
    var event = event
    event.message = "\(Self.printable(event.message.description))"
    event.metadata = event.metadata?.mapValues(Self.printable)
    base.log(event: event)
  }

  private static func printable(_ value: Logger.Metadata.Value) -> Logger.Metadata.Value {
    .string(printable(value.description))
  }

  private static func printable(_ text: String) -> String {
    // Cut before it is searched, so that a long text costs no more than what is written of it.
    Redaction.masked(text: text.printable(atMost: longest))
  }
}
