import MeshModel

/// One row of a table; its type provides the headings.
protocol TableRow {
  /// The headings of the columns.
  static var headers: [String] { get }
  /// The cells, as many as there are headings.
  var cells: [String] { get }
}

/// Rows with headings; each column is as wide as its widest cell.
struct Table<Row: TableRow> {
  let rows: [Row]

  /// The spaces between columns.
  private static var gap: Int { 3 }

  var text: String {
    // Names from outside must not move the cursor or add rows.
    let lines = [Row.headers] + rows.map { $0.cells.map(\.printable) }
    var widths = Row.headers.map(\.count)
    for line in lines {
      for (index, cell) in line.enumerated() where index < widths.count {
        widths[index] = max(widths[index], cell.count)
      }
    }
    var text = ""
    for line in lines {
      var row = ""
      for (cell, width) in zip(line, widths) {
        row += cell + String(repeating: " ", count: width - cell.count + Self.gap)
      }
      while row.last == " " { row.removeLast() }
      text += row + "\n"
    }
    return text
  }
}
