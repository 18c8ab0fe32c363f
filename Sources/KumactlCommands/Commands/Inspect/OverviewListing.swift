import MeshClient
import MeshModel
import OrderedCollections

/// A row that shows a summary made by the control plane.
protocol DocumentRow: TableRow {
  /// Makes the row from a document.
  init(_ document: DocumentValue, now: Timestamp)
}

/// Prints summaries that the control plane makes of resources.
struct OverviewListing<Row: DocumentRow> {
  let format: OutputFormat
  let global: GlobalOptions
  /// The subject of the list, for errors.
  let subject: String

  func run(_ path: String, query: [(String, String)] = []) async throws {
    let client = try Session(global).client()
    let items: [DocumentValue]
    do {
      items = try await client.pages(path, query: query).flatMap { $0["items"]?.array ?? [] }
    } catch {
      throw error.during("failed to list \(subject)")
    }
    guard format == .table else {
      Console.write(format.text(list: items.map { ordered($0) }, total: items.count))
      return
    }
    let now = Age.now
    Console.write(Table(rows: items.map { Row($0, now: now) }).text)
  }

  /// A document with the keys of identity first.
  private func ordered(_ document: DocumentValue) -> DocumentValue {
    var object: DocumentValue.Object = [:]
    for key in ["type", "mesh", "name", "creationTime", "modificationTime", "labels"] { object[key] = document[key] }
    return .object(object.merging(document.object ?? [:]) { first, _ in first })
  }
}
