import JSONText
import TraceFormats
import TraceModel

extension JSONWriter {
  /// Writes the member `nodes`: the spans of a trace, with their places in the tree.
  mutating func nodes(of tree: SpanTree) {
    key("nodes")
    beginArray()
    for node in tree.nodes {
      beginObject()
      key("depth")
      number(node.depth)
      key("parent")
      number(node.parent ?? -1)
      key("descendants")
      number(node.descendants)
      key("isDetached")
      bool(node.isDetached)
      key("isError")
      bool(node.span.isError)
      key("span")
      span(node.span)
      endObject()
    }
    endArray()
  }

  /// Writes the members of a summary; the caller writes the braces.
  mutating func summary(_ summary: TraceSummary) {
    key("traceId")
    string(summary.traceID.description)
    key("rootService")
    string(summary.rootService)
    key("rootName")
    string(summary.rootName)
    key("timestamp")
    number(summary.timestamp)
    key("duration")
    number(summary.duration)
    key("spanCount")
    number(summary.spanCount)
    key("errorCount")
    number(summary.errorCount)
    key("detachedCount")
    number(summary.detachedCount)
    key("services")
    beginArray()
    for service in summary.services {
      beginObject()
      key("name")
      string(service.name)
      key("spanCount")
      number(service.spanCount)
      key("errorCount")
      number(service.errorCount)
      endObject()
    }
    endArray()
  }
}
