import HTTPTypes
import JSONText
import TraceModel
import TraceStore

extension CollectorAPI {
  /// Answers what Zipkin's server says about itself; nil if the path is none of those.
  func server(_ path: String) async -> Answer? {
    switch path {
    case "/health": await health()
    case "/info":
      Answer { json in
        json.beginObject()
        json.key("zipkin")
        json.beginObject()
        json.key("version")
        json.string(settings.version)
        json.endObject()
        json.endObject()
      }
    case "/metrics":
      Answer { json in
        json.beginObject()
        for (name, value, _) in counters() {
          json.key("counter.zipkin_collector.\(name).http")
          json.number(value)
        }
        json.endObject()
      }
    case "/prometheus": prometheus()
    case "/config.json": configuration()
    default: nil
    }
  }

  private func health() async -> Answer {
    var trouble = await store.obstacle()
    if trouble == nil {
      do throws(CollectorError) {
        _ = try await store.traces([])
      } catch {
        trouble = error.message
      }
    }
    let status = trouble == nil ? "UP" : "DOWN"
    return Answer(status: trouble == nil ? .ok : .serviceUnavailable) { json in
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
      let counted = metrics.snapshot
      if counted.spansTurned > 0 || counted.spansUndecided > 0 {
        json.key("SpanIDs")
        json.beginObject()
        json.key("status")
        json.string("UP")
        json.key("details")
        json.beginObject()
        json.key("turned")
        json.number(counted.spansTurned)
        json.key("undecided")
        json.number(counted.spansUndecided)
        json.endObject()
        json.endObject()
      }
      json.endObject()
      json.endObject()
      json.endObject()
    }
  }

  /// Zipkin's counters, with their names there.
  private func counters() -> [(name: String, value: Int, help: String)] {
    let counted = metrics.snapshot
    return [
      ("messages", counted.requests, "Requests to store spans."),
      ("messages_dropped", counted.requestsFailed, "Requests of which nothing was stored."),
      ("bytes", counted.requestBytes, "Bytes of their bodies as they came."),
      (
        "spans", counted.spansAccepted &+ counted.spansRejected &+ counted.spansDropped,
        "Spans received, stored or not."
      ),
      ("spans_dropped", counted.spansRejected &+ counted.spansDropped, "Spans received and not stored."),
    ]
  }

  private func prometheus() -> Answer {
    var text = ""
    for (name, value, help) in counters() {
      let full = "zipkin_collector_\(name)_total"
      text += "# HELP \(full) \(help)\n# TYPE \(full) counter\n\(full){transport=\"http\"} \(value)\n"
    }
    let counted = metrics.snapshot
    for (name, value, help) in [
      (
        "zipkin_collector_span_ids_turned_total", counted.spansTurned,
        "Spans whose ids came with their bytes in reverse, and were put right."
      ),
      (
        "zipkin_collector_span_ids_undecided_total", counted.spansUndecided,
        "Spans in protobuf of which nothing told, when they came, in which order the bytes of their ids are."
      ),
    ] {
      text += "# HELP \(name) \(help)\n# TYPE \(name) counter\n\(name){transport=\"http\"} \(value)\n"
    }
    for (name, value, help) in [
      ("zipkin_storage_spans", store.spanCount, "Spans in the store."),
      ("zipkin_storage_spans_waiting", store.waitingSpanCount, "Spans that wait for the disk."),
    ] {
      text += "# HELP \(name) \(help)\n# TYPE \(name) gauge\n\(name) \(value)\n"
    }
    var answer = Answer(status: .ok)
    answer.contentType = "text/plain; version=0.0.4; charset=utf-8"
    answer.body = Array((text + settings.serverMetrics()).utf8)
    return answer
  }

  /// What Zipkin's own page asks for when it starts.
  private func configuration() -> Answer {
    Answer { json in
      json.beginObject()
      json.key("environment")
      json.string("")
      json.key("queryLimit")
      json.number(10)
      json.key("defaultLookback")
      json.number(900_000)
      // Ours: how large a file may be that is opened in the page.
      json.key("bodyLimit")
      json.number(limits.bodyBytes)
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
