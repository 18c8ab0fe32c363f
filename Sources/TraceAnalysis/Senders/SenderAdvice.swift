import TraceModel

/// What should be changed at a sender, by what is known of it.
enum SenderAdvice {
  /// The deprecated exporters and formats that a sender uses.
  static func deprecated(_ traits: SenderTraits, _ formats: [String]) -> [String] {
    var found: [String] = []
    if formats.contains("zipkin-v1-json") { found.append("Zipkin's v1 format") }
    if traits.contains(.jaegerClient) { found.append("a client library of Jaeger's") }
    if traits.contains(.openCensus) { found.append("OpenCensus") }
    let isFromSDK = !traits.isDisjoint(with: [.openTelemetry, .oldLibraryName])
    if isFromSDK, !traits.contains(.proxy), formats.contains(where: { $0.hasPrefix("zipkin") }) {
      found.append("OpenTelemetry's exporter for Zipkin")
    }
    if traits.contains(.oldLibraryName) { found.append("otel.library.name of OpenTelemetry's SDKs before 1.10") }
    return found
  }

  /// Clocks that differ by less are not mentioned, in milliseconds. Reports of proxies wait up to five seconds, and those of programs
  /// up to thirty.
  static let clockTolerance: Int64 = 60_000
  /// A clock cannot be ahead because reports wait, so less is mentioned, in milliseconds.
  static let aheadTolerance: Int64 = 2_000

  /// Sentences, the most severe first; empty if nothing is wrong.
  static func advice(_ sender: SenderReport) -> [String] {
    var advice: [String] = []
    if let refusal = sender.refused.max(by: { ($0.spans, $0.requests) < ($1.spans, $1.requests) }) {
      let what =
        refusal.spans > 0
        ? "\(refusal.spans) \(refusal.spans == 1 ? "span was" : "spans were") refused"
        : "\(refusal.requests) \(refusal.requests == 1 ? "request was" : "requests were") refused"
      advice.append("\(what): \(refusal.reason)")
    }
    if let unit = sender.wrongUnit, sender.wrongUnitSpans > 0 {
      let wanted = sender.formats.last?.hasPrefix("otlp") == true ? "nanoseconds" : "microseconds"
      advice.append(
        "the times of \(sender.wrongUnitSpans) \(sender.wrongUnitSpans == 1 ? "span" : "spans") look like \(unit.rawValue) since 1970; send \(wanted), or no search by time "
          + "finds them"
      )
    }
    if let offset = sender.clockOffset {
      if offset > clockTolerance {
        advice.append("the clock is \(duration(offset)) behind, or the reports wait as long; set the clock by NTP")
      } else if offset < -aheadTolerance {
        advice.append("the clock is \(duration(-offset)) ahead; set the clock by NTP")
      }
    }
    if sender.reusedIDs > 0 {
      advice.append(
        "\(sender.reusedIDs) spans have the id of another span; seed the random numbers of each process, also after a fork"
      )
    }
    if sender.brokenIDs > 0 {
      advice.append(
        "\(sender.brokenIDs) spans had an id that is not valid; send 16 or 32 hexadecimal digits for traces and 16 for spans"
      )
    }
    for name in sender.deprecated { advice.append("\(name) is deprecated; use OpenTelemetry's exporter for OTLP") }
    return advice
  }

  /// Such as `12 s`, `5 min`, `3.5 h`.
  static func duration(_ milliseconds: Int64) -> String {
    let seconds = Double(milliseconds) / 1_000
    func text(_ value: Double) -> String {
      let tenths = Int64((value * 10).rounded())
      return tenths % 10 == 0 || tenths >= 100 ? "\((tenths + 5) / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
    if seconds < 120 { return "\(text(seconds)) s" }
    if seconds < 7_200 { return "\(text(seconds / 60)) min" }
    if seconds < 172_800 { return "\(text(seconds / 3_600)) h" }
    return "\(text(seconds / 86_400)) days"
  }
}
