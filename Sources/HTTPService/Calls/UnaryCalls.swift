import HTTPTypes
package import Logging
import NIOCore
import NIOHTTP2

/// Answers unary calls of gRPC (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md) as a ``RequestService`` answers
/// requests: what a call says becomes a request over HTTP, and the answer becomes the end of the call. Access, budgets, deadlines, the
/// log and the counts are those of the service.
package struct UnaryCalls: Sendable {
  /// The request that stands for a call.
  package struct Method: Sendable {
    /// Its path.
    package var path: String
    /// The media type of messages. That of an answer without an error is the same.
    package var contentType: String

    /// Describes a method.
    package init(path: String, contentType: String) {
      self.path = path
      self.contentType = contentType
    }
  }

  /// The protocols of encrypted connections. The server chooses. Clients of gRPC offer only h2. One that offers both sends requests
  /// over HTTP.
  package static let protocols = ["http/1.1", "h2"]
  /// How many calls of a connection are answered at a time, which SETTINGS_MAX_CONCURRENT_STREAMS tells.
  package static let streams = 100
  /// How many bytes of messages may be on their way on a stream, and on a connection.
  private static let window = (stream: 256 * 1024, connection: 1024 * 1024)

  /// The methods by their paths, `/package.Service/Method`.
  let methods: [String: Method]
  /// What a client is told that calls another method.
  let advice: String
  /// Counts connections and streams that were refused.
  let counts: FrameCounts
  let logger: Logger

  /// Describes calls.
  ///
  /// - Parameters:
  ///   - methods: the methods by their paths, `/package.Service/Method`.
  ///   - advice: what a client is told that calls another method; a sentence.
  ///   - counts: counts connections and streams that are refused.
  package init(methods: [String: Method], advice: String, counts: FrameCounts, logger: Logger) {
    self.methods = methods
    self.advice = advice
    self.counts = counts
    self.logger = logger
  }

  /// What sets up the connections of a server that speak HTTP/2.
  ///
  /// - Parameter service: answers the calls.
  package func setup(_ service: RequestService) -> ConnectionClassifier.HTTP2Setup {
    let frames = FrameGuard.Setup(
      streams: Self.streams, counts: counts, server: service.counts.name, logger: logger, idle: service.limits.idle,
      answersEarn: true)
    return { channel, connection in
      let pipeline = channel.pipeline.syncOperations
      try pipeline.addHandlers([
        SmallBuffers(), FrameGuard(setup: frames, caller: connection.caller, slot: connection.slot),
      ])
      let calls = CallConnection(service: service)
      let here = NIOLoopBound(calls, eventLoop: channel.eventLoop)
      _ = try pipeline.configureHTTP2Pipeline(
        mode: .server, connectionConfiguration: Self.connection, streamConfiguration: Self.stream
      ) { stream in
        // Fails only on a closed stream. The setup has to succeed nevertheless: NIO traps when the result of a setup is thrown away.
        try? stream.pipeline.syncOperations.addHandler(
          CallHandler(self, service, connection: here.value, caller: connection.caller))
        return stream.eventLoop.makeSucceededVoidFuture()
      }
      try pipeline.addHandler(calls)
      return channel.eventLoop.makeSucceededVoidFuture()
    }
  }

  private static var connection: NIOHTTP2Handler.ConnectionConfiguration {
    var configuration = NIOHTTP2Handler.ConnectionConfiguration()
    configuration.initialSettings = [
      HTTP2Setting(parameter: .maxConcurrentStreams, value: streams),
      HTTP2Setting(parameter: .maxHeaderListSize, value: FrameLimits.headerBlockBytes),
      HTTP2Setting(parameter: .initialWindowSize, value: window.stream),
    ]
    configuration.targetWindowSize = window.connection
    return configuration
  }

  private static var stream: NIOHTTP2Handler.StreamConfiguration {
    var configuration = NIOHTTP2Handler.StreamConfiguration()
    configuration.targetWindowSize = window.stream
    return configuration
  }
}
