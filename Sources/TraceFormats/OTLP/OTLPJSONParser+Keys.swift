import TraceModel

/// Keys that are not understood.
extension OTLPJSONBuilder {
  /// Keys of the protocol that are not needed.
  private static let unused: Set<String> = ["schemaUrl", "droppedAttributesCount", "entityRefs", "flags"]

  /// The keys of the protocol as senders spell them otherwise, in lower case and without separators.
  private static let plainKeys: Set<String> = [
    "resourcespans", "scopespans", "spans", "resource", "scope", "instrumentationlibraryspans",
    "instrumentationlibrary",
    "attributes", "traceid", "spanid", "parentspanid", "tracestate", "starttimeunixnano", "endtimeunixnano", "kind",
    "name",
    "timeunixnano", "droppedattributescount", "events", "droppedeventscount", "links", "droppedlinkscount", "status",
    "message", "code", "key", "value", "stringvalue", "boolvalue", "intvalue", "doublevalue", "arrayvalue",
    "kvlistvalue",
    "bytesvalue", "values", "schemaurl", "version",
  ]

  /// Skips the value of a key that is not understood, and notes the key. The protocol wants it ignored, and does not allow the names
  /// with underscores that protobuf's JSON usually does (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
  ///
  /// - Parameter mayHoldSpans: whether spans may be below the key, which are counted.
  mutating func skipUnknown(
    _ reader: inout JSONFieldReader, _ key: String, mayHoldSpans: Bool = false
  ) throws(JSONError) {
    guard !Self.unused.contains(key) else { return try reader.skip() }
    let plain = key.utf8.count <= 64 ? key.lowercased().filter { $0 != "_" && $0 != "-" } : ""
    request.remarks.addUnknownKey(key, isMisspelled: Self.plainKeys.contains(plain))
    guard mayHoldSpans else { return try reader.skip() }
    request.unreadSpans += try Self.countSpans(&reader, isList: plain == "spans")
  }

  /// Counts the elements of the lists named `spans` within a value.
  ///
  /// - Parameter isList: whether the value itself is such a list.
  private static func countSpans(_ reader: inout JSONFieldReader, isList: Bool) throws(JSONError) -> Int {
    var count = 0
    switch try reader.scanner.next("a value") {
    case UInt8(ascii: "{"):
      try reader.object("the value") { (reader, key) throws(JSONError) in
        count += try countSpans(&reader, isList: key == "spans")
      }
    case UInt8(ascii: "["):
      try reader.list("the value") { (reader) throws(JSONError) in
        if isList {
          count += 1
          try reader.skip()
        } else {
          count += try countSpans(&reader, isList: false)
        }
      }
    default: try reader.skip()
    }
    return count
  }
}
