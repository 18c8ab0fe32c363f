import HTTPService
import HTTPTypes
import JSONText
import PrometheusMetrics
import TraceModel
import TraceStore

extension CollectorAPI {
  /// Paths that describe the server, as Zipkin has them.
  static let serverRoutes: [CollectorRoute] = [
    CollectorRoute(
      operation: Operation(
        .get, "/health", "Says whether spans can be stored and found.",
        outcomes: [
          CollectorRoute.outcome(.ok, "Spans can be stored and found.", [MediaType.json]),
          CollectorRoute.outcome(
            .serviceUnavailable, "Spans cannot be stored or found; the answer says why.", [MediaType.json]),
        ]), handler: CollectorAPI.health),
    .get("/info", "Returns the version of the server.", canFail: false, CollectorAPI.info),
    .get("/metrics", "Returns Zipkin's counters in JSON.", canFail: false, CollectorAPI.zipkinMetrics),
    .get(
      "/prometheus", "Returns Zipkin's counters in Prometheus' text format.", types: [MediaType.prometheus],
      canFail: false, CollectorAPI.prometheus),
    .get(
      "/prometheus/requests", "Returns histograms of requests and calls, in Prometheus' text format or in OpenMetrics.",
      types: [MediaType.prometheus, MediaType.openMetrics1], canFail: false, CollectorAPI.requestMetrics),
    .get("/config.json", "Returns the configuration of Zipkin's page.", canFail: false, CollectorAPI.configuration),
  ]

  private func info(_ request: RoutedRequest) -> Answer {
    .json { json in
      json.beginObject()
      json.key("zipkin")
      json.beginObject()
      json.key("version")
      json.string(settings.version)
      json.endObject()
      json.endObject()
    }
  }

  private func zipkinMetrics(_ request: RoutedRequest) -> Answer {
    .json { json in
      json.beginObject()
      for (name, value, _) in counters() {
        json.key("counter.zipkin_collector.\(name).http")
        json.number(value)
      }
      json.endObject()
    }
  }

  private func health(_ request: RoutedRequest) async -> Answer {
    var trouble = await store.obstacle()
    if trouble == nil {
      do throws(CollectorError) {
        _ = try await store.traces([])
      } catch {
        trouble = error.message
      }
    }
    let status = trouble == nil ? "UP" : "DOWN"
    return .json(trouble == nil ? .ok : .serviceUnavailable) { json in
      json.beginObject()
      json.key("status")
      json.string(status)
      json.key("zipkin")
      json.beginObject()
      json.key("status")
      json.string(status)
      json.key("details")
      json.beginObject()
      json.key("SpanStore")
      json.beginObject()
      json.key("status")
      json.string(status)
      if let trouble {
        json.key("details")
        json.beginObject()
        json.key("error")
        json.string(trouble)
        json.endObject()
      }
      json.endObject()
      let (reversed, undecided) = (metrics.spansReversed.value, metrics.spansUndecided.value)
      if reversed > 0 || undecided > 0 {
        json.key("SpanIDs")
        json.beginObject()
        json.key("status")
        json.string("UP")
        json.key("details")
        json.beginObject()
        json.key("turned")
        json.number(reversed)
        json.key("undecided")
        json.number(undecided)
        json.endObject()
        json.endObject()
      }
      json.endObject()
      json.endObject()
      json.endObject()
    }
  }

  /// Zipkin's counters, by the names that Zipkin gives them.
  private func counters() -> [(name: String, value: Int, help: String)] {
    let notStored = metrics.spansRejected.value &+ metrics.spansDropped.value
    return [
      ("messages", metrics.requests.value, "Requests to store spans."),
      ("messages_dropped", metrics.requestsFailed.value, "Requests of which nothing was stored."),
      ("bytes", metrics.requestBytes.value, "Bytes of the bodies of these requests before decompression."),
      ("spans", metrics.spansAccepted.value &+ notStored, "Spans received, stored or not."),
      ("spans_dropped", notStored, "Spans received and not stored."),
    ]
  }

  private func prometheus(_ request: RoutedRequest) async -> Answer {
    let further = [
      (
        "span_ids_turned", metrics.spansReversed.value,
        "Spans that arrived with the bytes of their ids reversed and were corrected."
      ),
      (
        "span_ids_undecided", metrics.spansUndecided.value,
        "Spans in protobuf for which the byte order of the ids was not known when they arrived."
      ),
    ]
    var page = PrometheusText()
    for (name, value, help) in counters() + further {
      page.add("zipkin_collector_\(name)_total", .counter, help, [.init(value, [("transport", "http")])])
    }
    page.add("zipkin_storage_spans", .gauge, "Spans in the store.", [.init(store.spanCount)])
    page.add("zipkin_storage_spans_waiting", .gauge, "Spans that wait for the disk.", [.init(store.waitingSpanCount)])
    return .text(page.text + (await settings.serverMetrics()), type: MediaType.prometheus)
  }

  /// Exemplars need OpenMetrics, for which a client has to ask.
  private func requestMetrics(_ request: RoutedRequest) async -> Answer {
    let accepted = request.head.headerFields[.accept] ?? ""
    return MediaType.list(accepted, containsAnyOf: [MediaType.openMetrics])
      ? Answer(type: MediaType.openMetrics1, body: await requests.page(.openMetrics))
      : Answer(type: MediaType.prometheus, body: await requests.page(.prometheus))
  }

  /// The configuration that Zipkin's page loads when it starts.
  private func configuration(_ request: RoutedRequest) -> Answer {
    .json { json in
      json.beginObject()
      json.key("environment")
      json.string("")
      json.key("queryLimit")
      json.number(10)
      json.key("defaultLookback")
      json.number(900_000)
      // Not Zipkin's: the largest file that the page can open.
      json.key("bodyLimit")
      json.number(limits.bodyBytes)
      // Not Zipkin's either: whether there is a control plane that the page can ask.
      json.key("meshEnabled")
      json.bool(settings.meshes != nil)
      json.key("searchEnabled")
      json.bool(true)
      json.key("supportUrl")
      json.string("")
      json.key("logsUrl")
      json.string("")
      json.key("archivePostUrl")
      json.string("")
      json.key("archiveUrl")
      json.string("")
      json.key("dependency")
      json.beginObject()
      json.key("enabled")
      json.bool(true)
      json.key("lowErrorRate")
      json.literal("0.5")
      json.key("highErrorRate")
      json.literal("0.75")
      json.endObject()
      json.endObject()
    }
  }
}
