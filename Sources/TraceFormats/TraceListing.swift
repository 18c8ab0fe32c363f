package import TraceModel

/// The traces in an answer of a query API, as parts of its bytes: what is passed on is as the source wrote it.
package struct TraceListing: Sendable {
  /// Whose answer it is.
  package enum Form: String, Sendable, CaseIterable {
    /// Zipkin's: a list of traces, each a list of spans.
    case zipkin
    /// Jaeger's: an object whose `data` is a list of traces.
    case jaeger
  }

  /// A trace.
  package struct Trace: Sendable {
    /// Its id; nil if it names none.
    package var id: TraceID?
    /// How many spans it has.
    package var spans: Int
    /// Where it stands.
    package var bytes: Range<Int>
  }

  /// The traces, in their order.
  package private(set) var traces: [Trace] = []

  /// Finds the traces of an answer.
  ///
  /// - Throws: `CollectorError` if it is not such an answer.
  package init(_ bytes: [UInt8], _ form: Form, limits: CollectorLimits = CollectorLimits()) throws(CollectorError) {
    var scanner = JSONScanner(bytes, nestingLimit: OTLPJSONParser.nesting(limits))
    do throws(JSONError) {
      switch form {
      case .zipkin: try readTraces(&scanner, form)
      case .jaeger:
        guard try scanner.enterObject() else { break }
        repeat {
          if try scanner.key() == "data", try scanner.next("a value") == 0x5B {
            try readTraces(&scanner, form)
          } else {
            try scanner.skipValue()
          }
        } while try scanner.moreMembers()
      }
      try scanner.end()
    } catch {
      throw .unreadable(error, in: bytes, wanted: "an answer of \(form == .zipkin ? "Zipkin's" : "Jaeger's") query API")
    }
  }

  private mutating func readTraces(_ scanner: inout JSONScanner, _ form: Form) throws(JSONError) {
    guard try scanner.enterArray() else { return }
    repeat {
      _ = try scanner.next("a trace")
      let start = scanner.position
      var trace = Trace(id: nil, spans: 0, bytes: start..<start)
      switch form {
      case .zipkin: try Self.readSpans(&scanner, &trace, idKey: "traceId")
      case .jaeger:
        if try scanner.enterObject() {
          repeat {
            switch try scanner.key() {
            case "traceID": trace.id = TraceID(try scanner.string("an id"))
            case "spans" where try scanner.next("a value") == 0x5B:
              try Self.readSpans(&scanner, &trace, idKey: "traceID")
            default: try scanner.skipValue()
            }
          } while try scanner.moreMembers()
        }
      }
      trace.bytes = start..<scanner.position
      traces.append(trace)
    } while try scanner.moreElements()
  }

  /// Counts a list of spans. The first id is that of the trace, if it has none yet.
  private static func readSpans(
    _ scanner: inout JSONScanner, _ trace: inout Trace, idKey: String
  ) throws(JSONError) {
    guard try scanner.enterArray() else { return }
    repeat {
      trace.spans += 1
      guard trace.id == nil, try scanner.next("a span") == 0x7B else {
        try scanner.skipValue()
        continue
      }
      guard try scanner.enterObject() else { continue }
      repeat {
        if try scanner.key() == idKey, try scanner.next("a value") == 0x22 {
          trace.id = TraceID(try scanner.string("an id"))
        } else {
          try scanner.skipValue()
        }
      } while try scanner.moreMembers()
    } while try scanner.moreElements()
  }
}
