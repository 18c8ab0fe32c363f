import Logging
import MeshModel

/// Has another handler write log lines in which nothing that others have named begins a line of its own or reaches the terminal as
/// a command.
struct PrintableLogHandler<Handler: LogHandler>: LogHandler {
  private var handler: Handler

  init(_ handler: Handler) { self.handler = handler }

  var logLevel: Logger.Level {
    get { handler.logLevel }
    set { handler.logLevel = newValue }
  }

  var metadata: Logger.Metadata {
    get { handler.metadata }
    set { handler.metadata = newValue }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { handler[metadataKey: key] }
    set { handler[metadataKey: key] = newValue }
  }

  func log(event: LogEvent) {
    var event = event
    event.message = "\(event.message.description.printable)"
    event.metadata = event.metadata?.mapValues { .string($0.description.printable) }
    handler.log(event: event)
  }
}
