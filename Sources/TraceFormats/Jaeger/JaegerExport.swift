package import JSONText
package import TraceModel

/// A trace in the format of Jaeger's query service, which Jaeger's page reads from files too.
///
/// Jaeger has no shared ids. If two sides of a call share an id, the server side gets another id and becomes a child of the client
/// side, and the children of the server side follow it. A span that this format cannot represent exactly also has its Zipkin form
/// in a member that Jaeger's page ignores.
package struct JaegerExport {
  /// The member of a span with its Zipkin form.
  static let wholeKey = "zipkin"

  private let tree: SpanTree
  private let traceID: TraceID
  /// The id of each node, unique in the trace.
  private let ids: [UInt64]

  package init(_ spans: [Span]) {
    tree = SpanTree(spans)
    let id = tree.nodes.first { $0.span.traceID.high != 0 } ?? tree.nodes.first
    traceID = id?.span.traceID ?? TraceID(low: 0)
    ids = Self.ids(tree)
  }

  /// The first node with an id keeps it.
  private static func ids(_ tree: SpanTree) -> [UInt64] {
    var taken = Set(tree.nodes.map(\.span.id))
    var used: Set<UInt64> = []
    var next = taken.max() ?? 0
    return tree.nodes.map { node in
      if used.insert(node.span.id).inserted { return node.span.id }
      repeat { next &+= 1 } while next == 0 || taken.contains(next)
      taken.insert(next)
      return next
    }
  }

  package func write(to json: inout JSONWriter) {
    var processes: [(name: String, process: JaegerSpan.Process)] = []
    var names: [Endpoint: String] = [:]
    json.beginObject()
    json.key("data")
    json.beginArray()
    json.beginObject()
    json.key("traceID")
    json.string(traceID.description)
    json.key("spans")
    json.beginArray()
    for (index, node) in tree.nodes.enumerated() {
      // A missing parent stays named, so that Jaeger's page reports it as missing.
      let parent = node.parent.map { ids[$0] } ?? node.span.parentID
      let span = JaegerSpan(node.span, traceID: traceID, id: ids[index], parent: parent)
      let host = node.span.localEndpoint ?? Endpoint()
      let name = names[host] ?? "p\(names.count + 1)"
      if names.updateValue(name, forKey: host) == nil { processes.append((name, span.process)) }
      json.span(span, process: name, whole: span.span == node.span.sorted ? nil : node.span)
    }
    json.endArray()
    json.key("processes")
    json.beginObject()
    for (name, process) in processes {
      json.key(name)
      json.beginObject()
      json.key("serviceName")
      json.string(process.service)
      json.key("tags")
      json.fields(process.tags)
      json.endObject()
    }
    json.endObject()
    json.key("warnings")
    json.null()
    json.endObject()
    json.endArray()
    for name in ["total", "limit", "offset"] {
      json.key(name)
      json.number(0)
    }
    json.key("errors")
    json.null()
    json.endObject()
  }
}

extension JSONWriter {
  fileprivate mutating func span(_ span: JaegerSpan, process: String, whole: Span?) {
    beginObject()
    key("traceID")
    string(span.traceID.description)
    key("spanID")
    string(Hexadecimal.text(span.id))
    key("flags")
    number(span.isDebug ? 3 : 1)
    key("operationName")
    string(span.operation)
    key("references")
    beginArray()
    for reference in span.references {
      beginObject()
      key("refType")
      string("CHILD_OF")
      key("traceID")
      string((reference.traceID ?? span.traceID).description)
      key("spanID")
      string(Hexadecimal.text(reference.spanID))
      endObject()
    }
    endArray()
    key("startTime")
    number(span.start)
    key("duration")
    number(span.duration)
    key("tags")
    fields(span.tags)
    key("logs")
    beginArray()
    for log in span.logs {
      beginObject()
      key("timestamp")
      number(log.timestamp)
      key("fields")
      fields(log.fields)
      endObject()
    }
    endArray()
    key("processID")
    string(process)
    key("warnings")
    null()
    if let whole {
      key(JaegerExport.wholeKey)
      self.span(whole)
    }
    endObject()
  }

  fileprivate mutating func fields(_ fields: [Attribute]) {
    beginArray()
    for field in fields {
      beginObject()
      key("key")
      string(field.key)
      key("type")
      string(field.value.jaegerType)
      key("value")
      attribute(field.value)
      endObject()
    }
    endArray()
  }
}

extension AttributeText {
  /// The name of a value's type in Jaeger.
  fileprivate var jaegerType: String {
    switch self {
    case .text, .null: "string"
    case .literal("true"), .literal("false"): "bool"
    case .literal(let number): number.utf8.contains(0x2E) ? "float64" : "int64"
    }
  }
}
