/// A trace as Jaeger's page reads it from a file, and as Jaeger's query service answers it.
///
/// Jaeger knows no shared ids: of two sides of a call with one id, the server's gets an id of its own and hangs below the
/// client's, with what the server's service did within the call below it.
struct JaegerExport {
  private struct Process: Hashable {
    var service: String
    var ipv4: String
    var ipv6: String
  }

  private let tree: SpanTree
  private let traceID: String
  /// The id of each node, unique in the trace.
  private let ids: [UInt64]

  init(_ spans: [Span]) {
    tree = SpanTree(spans)
    let id = tree.nodes.first { $0.span.traceID.high != 0 } ?? tree.nodes.first
    traceID = id?.span.traceID.description ?? ""
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

  func write(to json: inout JSONWriter) {
    var processes: [(name: String, process: Process)] = []
    var names: [Process: String] = [:]
    json.beginObject()
    json.key("data")
    json.beginArray()
    json.beginObject()
    json.key("traceID")
    json.string(traceID)
    json.key("spans")
    json.beginArray()
    for (index, node) in tree.nodes.enumerated() {
      let host = node.span.localEndpoint
      let process = Process(
        service: host?.serviceName ?? "", ipv4: host?.ipv4 ?? "", ipv6: host?.ipv6 ?? "")
      let name = names[process] ?? "p\(names.count + 1)"
      if names.updateValue(name, forKey: process) == nil { processes.append((name, process)) }
      write(node, index, name, to: &json)
    }
    json.endArray()
    json.key("processes")
    json.beginObject()
    for (name, process) in processes {
      json.key(name)
      json.beginObject()
      json.key("serviceName")
      json.string(process.service.isEmpty ? "unknown" : process.service)
      json.key("tags")
      json.beginArray()
      if !process.ipv4.isEmpty { json.field("ip", .string(process.ipv4)) }
      if !process.ipv6.isEmpty { json.field("ipv6", .string(process.ipv6)) }
      json.endArray()
      json.endObject()
    }
    json.endObject()
    json.key("warnings")
    json.literal("null")
    json.endObject()
    json.endArray()
    for name in ["total", "limit", "offset"] {
      json.key(name)
      json.number(0)
    }
    json.key("errors")
    json.literal("null")
    json.endObject()
  }

  private func write(_ node: SpanTree.Node, _ index: Int, _ process: String, to json: inout JSONWriter) {
    let span = node.span
    json.beginObject()
    json.key("traceID")
    json.string(traceID)
    json.key("spanID")
    json.string(Hexadecimal.text(ids[index]))
    json.key("flags")
    json.number(span.isDebug ? 3 : 1)
    json.key("operationName")
    json.string(span.name.isEmpty ? "unknown" : span.name)
    json.key("references")
    json.beginArray()
    // A parent that is not there stays named: Jaeger's page then says that it is missing.
    if let parent = node.parent.map({ ids[$0] }) ?? span.parentID {
      json.beginObject()
      json.key("refType")
      json.string("CHILD_OF")
      json.key("traceID")
      json.string(traceID)
      json.key("spanID")
      json.string(Hexadecimal.text(parent))
      json.endObject()
    }
    json.endArray()
    json.key("startTime")
    json.number(span.timestamp)
    json.key("duration")
    json.number(span.duration)
    json.key("tags")
    json.beginArray()
    if let kind = span.kind { json.field("span.kind", .string(kind.zipkinName.description.lowercased())) }
    for tag in span.tags { write(tag, to: &json) }
    if let peer = span.remoteEndpoint {
      if !peer.serviceName.isEmpty, span.tag("peer.service") == nil {
        json.field("peer.service", .string(peer.serviceName))
      }
      if !peer.ipv4.isEmpty { json.field("peer.ipv4", .string(peer.ipv4)) }
      if !peer.ipv6.isEmpty { json.field("peer.ipv6", .string(peer.ipv6)) }
      if peer.port != 0 { json.field("peer.port", .integer(Int64(peer.port))) }
    }
    json.endArray()
    json.key("logs")
    json.beginArray()
    for annotation in span.annotations {
      json.beginObject()
      json.key("timestamp")
      json.number(annotation.timestamp)
      json.key("fields")
      json.beginArray()
      json.field("event", .string(annotation.value))
      json.endArray()
      json.endObject()
    }
    json.endArray()
    json.key("processID")
    json.string(process)
    json.key("warnings")
    json.literal("null")
    json.endObject()
  }

  private func write(_ tag: Span.Tag, to json: inout JSONWriter) {
    guard tag.key == "error", tag.value != "false" else {
      json.field(tag.key, JaegerValue(tag.value))
      return
    }
    // Jaeger's page shows a failure only by this; what Zipkin has as the value is kept beside it.
    json.field("error", .bool(true))
    if !tag.value.isEmpty, tag.value != "true" { json.field("error.message", .string(tag.value)) }
  }
}

/// A value of a tag, with its type. Zipkin has texts only; one that is written as a program writes a number or a truth value
/// is taken for it, as Jaeger searches and sorts by these.
private enum JaegerValue {
  case string(String)
  case bool(Bool)
  case integer(Int64)
  case double(String)

  init(_ text: String) {
    if text == "true" || text == "false" {
      self = .bool(text == "true")
    } else if let number = Int64(text), String(number) == text, number.magnitude <= 1 << 53 {
      // Beyond, a browser would change it.
      self = .integer(number)
    } else if text.utf8.count <= 24, text.utf8.contains(0x2E), let number = Double(text), "\(number)" == text,
      number.isFinite
    {
      self = .double(text)
    } else {
      self = .string(text)
    }
  }
}

extension JSONWriter {
  fileprivate mutating func field(_ key: String, _ value: JaegerValue) {
    beginObject()
    self.key("key")
    string(key)
    self.key("type")
    switch value {
    case .string(let text):
      string("string")
      self.key("value")
      string(text)
    case .bool(let flag):
      string("bool")
      self.key("value")
      bool(flag)
    case .integer(let number):
      string("int64")
      self.key("value")
      self.number(number)
    case .double(let text):
      string("float64")
      self.key("value")
      literal(text)
    }
    endObject()
  }
}
