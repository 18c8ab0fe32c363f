import TraceModel

/// The bounds on a span, whatever its format, and the messages for spans that exceed them. Parsers check counts while they
/// parse; ``problem(_:)`` checks a whole span. Messages are only made for spans that are rejected.
struct SpanBounds {
  let limits: CollectorLimits

  /// What is wrong with a span; nil if it is valid.
  func problem(_ span: Span) -> String? {
    if let problem = missingID(span.traceID, span.id) { return problem }
    if span.tags.count > limits.tagsPerSpan { return tooManyTags }
    if span.annotations.count > limits.annotationsPerSpan { return tooManyAnnotations }
    if span.name.utf8.contains(0) { return holdsZero("name") }
    if let problem = problem(span.serviceName, "the service's name") { return problem }
    if let problem = problem(span.remoteServiceName, "the remote service's name") { return problem }
    for tag in span.tags {
      if let problem = problem(tag.key, "the name of a tag") { return problem }
    }
    return textBytes(span) > limits.textBytesPerSpan ? textsTooLong : nil
  }

  var textsTooLong: String { "its texts are longer than \(limits.textBytesPerSpan) bytes" }

  var tooManyTags: String { "more than \(limits.tagsPerSpan) tags" }

  var tooManyAnnotations: String { "more than \(limits.annotationsPerSpan) annotations" }

  var tooManyValues: String {
    "the request has more than \(limits.valuesPerRequest) tags, annotations and other values, those of resources counted "
      + "for each span; send fewer spans at once"
  }

  var tooMuchText: String {
    "with what is repeated in every span, the request is larger than \(limits.textBytesPerRequest) bytes; send fewer "
      + "spans at once"
  }

  static let missingTraceID = "traceId is missing"

  /// Which id of a span is missing; nil if it has both.
  @inline(__always) func missingID(_ trace: TraceID, _ id: UInt64) -> String? {
    if trace.low == 0, trace.high == 0 { return Self.missingTraceID }
    return id == 0 ? "id is missing" : nil
  }

  /// What is wrong with a name of so many bytes; nil if it is valid.
  @inline(__always) func problem(
    nameBytes count: Int, holdsZero: @autoclosure () -> Bool, _ what: @autoclosure () -> String
  ) -> String? {
    if count > limits.nameBytes { return "\(what()) is \(count) bytes long; at most \(limits.nameBytes) are allowed" }
    return holdsZero() ? self.holdsZero(what()) : nil
  }

  func holdsZero(_ what: String) -> String { "\(what) holds a zero byte" }

  private func problem(_ name: String, _ what: String) -> String? {
    problem(nameBytes: name.utf8.count, holdsZero: name.utf8.contains(0), what)
  }

  /// Bytes of the texts of a span together.
  func textBytes(_ span: Span) -> Int {
    var bytes = span.name.utf8.count + span.serviceName.utf8.count + span.remoteServiceName.utf8.count
    for tag in span.tags { bytes += tag.key.utf8.count + tag.value.utf8.count }
    for annotation in span.annotations { bytes += annotation.value.utf8.count }
    return bytes
  }
}

/// Tags with unique keys, of which the last value counts. However many are put in, each takes about the same time.
struct TagList {
  private(set) var tags: [Span.Tag] = []
  private var positions: [String: Int] = [:]
  /// Below this many, looking at each is quicker than hashing.
  private static let plainSearch = 12

  init() {}

  mutating func set(_ key: String, _ value: String) {
    if let position = position(key) {
      tags[position].value = value
      return
    }
    if tags.count >= Self.plainSearch {
      if positions.isEmpty { for (index, tag) in tags.enumerated() { positions[tag.key] = index } }
      positions[key] = tags.count
    }
    tags.append(Span.Tag(key, value))
  }

  func value(_ key: String) -> String? { position(key).map { tags[$0].value } }

  private func position(_ key: String) -> Int? {
    positions.isEmpty ? tags.firstIndex { $0.key == key } : positions[key]
  }

  mutating func remove(_ key: String) {
    guard let position = position(key) else { return }
    tags.remove(at: position)
    positions = [:]
    if tags.count > Self.plainSearch { for (index, tag) in tags.enumerated() { positions[tag.key] = index } }
  }
}
