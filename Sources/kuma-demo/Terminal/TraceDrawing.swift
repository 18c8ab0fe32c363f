/// Draws a trace as a tree with a time line.
struct TraceDrawing {
  private let tree: TraceTree
  private let style: TerminalStyle
  /// Each service's colour.
  private let series: [String: Int]

  /// - Parameter services: in the order of their colours.
  init(_ tree: TraceTree, services: [String], style: TerminalStyle) {
    self.tree = tree
    self.style = style
    series = Dictionary(services.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The lines of the drawing.
  var lines: [String] {
    let labels = tree.nodes.indices.map(label)
    let labelWidth = labels.map(\.width).max() ?? 0
    let timeWidth = tree.nodes.contains(where: \.isError) ? 23 : 17
    let barWidth = max(style.width - labelWidth - timeWidth, 10)
    return zip(tree.nodes, labels).map { node, label in
      let padding = String(repeating: " ", count: labelWidth - label.width + 2)
      return "  " + label.text + padding + bar(node, width: barWidth) + " " + time(node)
    }
  }

  /// What stands before the bar: branches, service and side.
  private func label(_ index: Int) -> (text: String, width: Int) {
    let span = tree.nodes[index].span
    let branches = branches(index)
    let isClient = span.kind == "CLIENT"
    let name = isClient ? "→ \(span.callee ?? "?")" : span.service
    let side = isClient ? "client" : span.kind == "SERVER" ? "server" : ""
    let text =
      style.text(branches, .quiet) + style.text(name, series: series[span.service] ?? 0) + " "
      + style.text(side, .quiet)
    return (text, branches.count + name.count + 1 + side.count)
  }

  /// The lines that join a node to the one above it.
  private func branches(_ index: Int) -> String {
    guard tree.nodes[index].parent >= 0 else { return "" }
    var text = isLast(index) ? "└─ " : "├─ "
    var above = tree.nodes[index].parent
    while tree.nodes.indices.contains(above), tree.nodes[above].parent >= 0 {
      text = (isLast(above) ? "   " : "│  ") + text
      above = tree.nodes[above].parent
    }
    return text
  }

  private func isLast(_ index: Int) -> Bool {
    !tree.nodes.indices.dropFirst(index + 1).contains { tree.nodes[$0].parent == tree.nodes[index].parent }
  }

  /// When the span was, within the trace.
  private func bar(_ node: TraceTree.Node, width: Int) -> String {
    let whole = Double(max(tree.duration, 1))
    let start = Double((node.span.timestamp ?? tree.timestamp) &- tree.timestamp) / whole
    let share = Double(node.span.duration ?? 0) / whole
    let first = min(max(Int(start * Double(width)), 0), width - 1)
    let count = min(max(Int((share * Double(width)).rounded()), 1), width - first)
    let colour = series[node.span.service] ?? 0
    let line = String(repeating: "━", count: count)
    return String(repeating: " ", count: first)
      + (node.isError ? style.text(line, .bad) : style.text(line, series: colour))
      + String(repeating: " ", count: width - first - count)
  }

  /// How long the span took, and whether it failed.
  private func time(_ node: TraceTree.Node) -> String {
    let microseconds = node.span.duration ?? 0
    let tenths = (microseconds &+ 50) / 100
    let text = "\(tenths / 10).\(tenths % 10) ms"
    let padded = String(repeating: " ", count: max(9 - text.count, 0)) + text
    guard node.isError else { return style.text(padded, .quiet) }
    return style.text(padded, .quiet) + " " + style.text("✗ \(node.span.status ?? "")", .bad)
  }
}
