import TraceModel

/// A request of OpenTelemetry's protocol as it came, protobuf or JSON.
struct OTLPRequest {
  /// The spans of one origin.
  struct Resource {
    var attributes: [Attribute] = []
    var scopes: [Scope] = []
    /// What is wrong with it, and so with each of its spans.
    var problem: String?
  }

  /// The spans of one library of an origin.
  struct Scope {
    var name = ""
    var version = ""
    var attributes: [Attribute] = []
    var spans: [OTLPSpan] = []
    /// What is wrong with it, and so with each of its spans.
    var problem: String?
  }

  var resources: [Resource] = []
  /// How many spans were read.
  var spanCount = 0
  /// How many resources and scopes.
  private var parts = 0
  /// Bytes of the texts of the span, resource or scope that is being read.
  var textBytes = 0
  /// Its attributes, events, links and elements of lists.
  var values = ValueCount()

  /// Counts a span; throws if it is one too many, then nothing of the request counts.
  mutating func takeSpan(_ limits: CollectorLimits) throws(CollectorError) -> Int {
    guard spanCount < limits.spansPerRequest else { throw .tooManySpans(limits) }
    textBytes = 0
    defer { spanCount += 1 }
    return spanCount
  }

  /// Counts a resource or a scope, which may be empty; throws if there are more of them than there may be spans.
  mutating func takePart(_ limits: CollectorLimits) throws(CollectorError) {
    guard parts < 2 * limits.spansPerRequest else {
      throw CollectorError(
        code: .tooLarge,
        message: "the request has more than \(2 * limits.spansPerRequest) resources and scopes; send fewer at once")
    }
    textBytes = 0
    parts += 1
  }
}

/// A span of OpenTelemetry's. What is wrong with it is said and does not concern the others.
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

  /// Something that happened within it.
  struct Event {
    /// Nanoseconds since 1970.
    var time: UInt64 = 0
    var name = ""
    var attributes: [Attribute] = []
  }

  /// Another span with which it has to do.
  struct Link {
    var traceID: TraceID?
    var spanID: UInt64 = 0
    var traceState = ""
    var attributes: [Attribute] = []
  }

  /// Where it stands in the request, from 0.
  var index = 0
  var traceID: TraceID?
  var spanID: UInt64 = 0
  /// 0 for none.
  var parentSpanID: UInt64 = 0
  var traceState = ""
  var name = ""
  var kind = Kind.unspecified
  /// Nanoseconds since 1970.
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
  /// Bytes of its texts.
  var textBytes = 0
  /// What is wrong with it.
  var problem: String?
}
