/// A request of OpenTelemetry's protocol as it came, protobuf or JSON.
struct OTLPRequest {
  /// The spans of one origin.
  struct Resource {
    var attributes: [Attribute] = []
    var scopes: [Scope] = []
  }

  /// The spans of one library of an origin.
  struct Scope {
    var name = ""
    var version = ""
    var attributes: [Attribute] = []
    var spans: [OTLPSpan] = []
  }

  var resources: [Resource] = []
  /// How many spans were read.
  var spanCount = 0
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
  /// What is wrong with it.
  var problem: String?
}
