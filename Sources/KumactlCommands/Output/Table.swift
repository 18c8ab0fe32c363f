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

  var text: String {
    var columns = TableColumns()
    return columns.text([Row.headers] + rows.map(\.cells))
  }
}

/// The widths of a table's columns. Lines that follow later stand under the earlier ones, unless a cell is wider than all before.
struct TableColumns {
  private var widths: [Int] = []

  /// The spaces between columns.
  private static var gap: Int { 3 }

  /// Makes lines of cells.
  mutating func text(_ lines: [[String]]) -> String {
    // Names from outside must not move the cursor or add rows.
    let lines = lines.map { $0.map(\.printable) }
    for line in lines {
      for (index, cell) in line.enumerated() {
        if index == widths.count { widths.append(0) }
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
