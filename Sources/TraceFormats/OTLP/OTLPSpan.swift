import TraceModel

/// A request of OpenTelemetry's protocol, from protobuf or JSON.
struct OTLPRequest {
  /// The spans of one resource.
  struct Resource {
    var attributes: [Attribute] = []
    var scopes: [Scope] = []
    /// An error, which applies to each of its spans.
    var problem: String?
  }

  /// The spans of one scope of a resource.
  struct Scope {
    var name = ""
    var version = ""
    var attributes: [Attribute] = []
    var spans: [OTLPSpan] = []
    /// An error, which applies to each of its spans.
    var problem: String?
  }

  var resources: [Resource] = []
  /// The number of parsed spans.
  var spanCount = 0
  /// The number of resources and scopes.
  private var parts = 0
  /// The size of the texts of the current span, resource or scope in bytes.
  var textBytes = 0
  /// The number of its attributes, events, links and list elements.
  var values = ValueCount()
  /// What was left out of the spans.
  var remarks = SpanRemarks()
  /// Spans below keys that were not understood.
  var unreadSpans = 0
  /// Whether a span has texts in the place of bytes.
  var hasTextIDs = false

  /// The kind with a number. An unknown one counts as unspecified, as protobuf specifies for enums, and the sender is told.
  mutating func kind(_ number: UInt64) -> OTLPSpan.Kind {
    if let kind = OTLPSpan.Kind(rawValue: number) { return kind }
    remarks.add(.unknownKind)
    return .unspecified
  }

  /// Counts a span. Throws beyond the limit, then none of the request counts.
  mutating func takeSpan(_ limits: CollectorLimits) throws(CollectorError) -> Int {
    guard spanCount < limits.spansPerRequest else { throw .tooManySpans(limits) }
    textBytes = 0
    defer { spanCount += 1 }
    return spanCount
  }

  /// Counts a resource or a scope, which may be empty. Throws if there are more of them than spans are allowed.
  mutating func takePart(_ limits: CollectorLimits) throws(CollectorError) {
    guard parts < 2 * limits.spansPerRequest else {
      throw CollectorError(
        code: .tooLarge,
        message:
          "the request has more than \(2 * limits.spansPerRequest) resources and scopes; send fewer per request, or "
          + "raise collector.limits.spansPerRequest")
    }
    textBytes = 0
    parts += 1
  }
}

/// A span of OpenTelemetry's. An error in it does not affect others.
struct OTLPSpan {
  /// The numbers of `SpanKind`.
  enum Kind: UInt64 {
    case unspecified = 0
    case `internal` = 1
    case server = 2
    case client = 3
    case producer = 4
    case consumer = 5
  }

  /// The numbers of `Status.StatusCode`.
  enum Status: UInt64 {
    case unset = 0
    case ok = 1
    case error = 2
  }

  /// A timestamped event.
  struct Event {
    /// In nanoseconds since 1970.
    var time: UInt64 = 0
    var name = ""
    var attributes: [Attribute] = []
  }

  /// A link to another span.
  struct Link {
    var traceID: TraceID?
    var spanID: UInt64 = 0
    var traceState = ""
    var attributes: [Attribute] = []
  }

  /// The index in the request, from 0.
  var index = 0
  var traceID: TraceID?
  var spanID: UInt64 = 0
  /// 0 for none.
  var parentSpanID: UInt64 = 0
  var traceState = ""
  var name = ""
  var kind = Kind.unspecified
  /// In nanoseconds since 1970.
  var start: UInt64 = 0
  var end: UInt64 = 0
  var attributes: [Attribute] = []
  var events: [Event] = []
  var links: [Link] = []
  var status = Status.unset
  var statusMessage = ""
  var droppedAttributes: UInt64 = 0
  var droppedEvents: UInt64 = 0
  var droppedLinks: UInt64 = 0
  /// The size of its texts in bytes.
  var textBytes = 0
  /// The first error.
  var problem: String?
}
