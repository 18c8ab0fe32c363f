import HTTPService
import JSONText
import TraceModel
import TraceStore

extension CollectorAPI {
  /// The default time range: an hour.
  private static let lookback: Int64 = 3_600_000

  /// Paths that analyse the calls between services.
  static let analysisRoutes: [CollectorRoute] = [
    .get(
      "/api/graph", "Returns the services and the calls between them, with errors and latencies.",
      query: [.endTs, .lookback],
      CollectorAPI.graph),
    .get(
      "/api/operations", "Returns the operations of a service, with errors and latencies.",
      query: [.serviceName, .endTs, .lookback], CollectorAPI.operations),
    .get(
      "/api/propagation", "Says which services forward the headers of traces, and which break them.",
      query: [.endTs, .lookback], CollectorAPI.propagationReport),
  ]

  /// The services and the calls between them. Durations are in microseconds; `seconds` is the time that rates refer to.
  private func graph(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let (endTs, lookback) = try request.query.time(now: clock.milliseconds(), lookback: Self.lookback)
    let graph = try await store.graph(endTs: endTs, lookback: lookback)
    return .json { json in
      json.beginObject()
      json.key("services")
      json.beginArray()
      for service in graph.services {
        json.beginObject()
        json.key("name")
        json.string(service.name)
        json.key("spans")
        json.number(service.spans)
        json.key("calls")
        json.number(service.calls)
        json.key("errors")
        json.number(service.errors)
        json.endObject()
      }
      json.endArray()
      json.key("edges")
      json.beginArray()
      for edge in graph.edges {
        json.beginObject()
        json.key("parent")
        json.string(edge.parent)
        json.key("child")
        json.string(edge.child)
        json.figures(edge.figures)
        json.endObject()
      }
      json.endArray()
      json.key("seconds")
      json.decimal(Double(graph.length) / 1_000)
      json.endObject()
    }
  }

  /// The operations of a service, with durations in microseconds.
  private func operations(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let service = try request.query.required("serviceName").lowercased()
    let (endTs, lookback) = try request.query.time(now: clock.milliseconds(), lookback: Self.lookback)
    let (operations, length) = try await store.operations(service: service, endTs: endTs, lookback: lookback)
    return .json { json in
      json.beginObject()
      json.key("service")
      json.string(service)
      json.key("operations")
      json.beginArray()
      for operation in operations {
        json.beginObject()
        json.key("name")
        json.string(operation.name)
        json.figures(operation.figures)
        json.key("perSecond")
        json.decimal(Double(operation.figures.calls) * 1_000 / Double(max(1, length)))
        json.endObject()
      }
      json.endArray()
      json.endObject()
    }
  }
}

extension JSONWriter {
  fileprivate mutating func figures(_ figures: CallFigures) {
    key("calls")
    number(figures.calls)
    key("errors")
    number(figures.errors)
    for (name, length) in [("p50", figures.p50), ("p90", figures.p90), ("p99", figures.p99), ("max", figures.max)] {
      key(name)
      number(length)
    }
  }
}
