import HTTPService
import JSONText
import TraceModel
import TraceStore

extension CollectorAPI {
  /// What was hidden in spans.
  static let privacyRoutes: [CollectorRoute] = [
    .get(
      "/api/hidden",
      "Says how many passwords, tokens and keys were hidden in spans since the start, by service and key; never a value.",
      canFail: false, CollectorAPI.hidden)
  ]

  private func hidden(_ request: RoutedRequest) -> Answer {
    let report = store.privacy.report.snapshot()
    return .json { json in
      json.beginObject()
      json.key("enabled")
      json.bool(store.privacy.settings.isEnabled)
      for (name, value) in [
        ("spans", report.spans), ("values", report.values), ("others", report.others), ("forgotten", report.evicted),
      ] {
        json.key(name)
        json.number(value)
      }
      json.key("places")
      json.beginArray()
      for row in report.rows {
        json.beginObject()
        for (name, text) in [
          ("service", row.value.service), ("place", row.value.place), ("key", row.value.key),
          ("kind", row.value.kindName),
        ] {
          json.key(name)
          json.string(text)
        }
        json.key("count")
        json.number(row.count)
        // Milliseconds since 1970.
        json.key("last")
        json.number(row.last)
        json.endObject()
      }
      json.endArray()
      json.endObject()
    }
  }
}
