import TraceModel

/// What every span must keep to, whatever format it came in; for formats that are read whole before they are judged.
/// ``SpanParser`` keeps to the same while it reads.
struct SpanBounds {
  let limits: CollectorLimits

  /// What is wrong with a span; nil if nothing is.
  func problem(_ span: Span) -> String? {
    if span.traceID.low == 0, span.traceID.high == 0 { return "traceId is missing" }
    if span.id == 0 { return "id is missing" }
    if span.tags.count > limits.tagsPerSpan { return tooManyTags }
    if span.annotations.count > limits.annotationsPerSpan { return tooManyAnnotations }
    if span.name.utf8.contains(0) { return "name holds a zero byte" }
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

  private func problem(_ name: String, _ what: String) -> String? {
    let count = name.utf8.count
    if count > limits.nameBytes { return "\(what) is \(count) bytes long; at most \(limits.nameBytes) are allowed" }
    return name.utf8.contains(0) ? "\(what) holds a zero byte" : nil
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
