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
  let global: GlobalOptions
  let output: OutputOptions
  /// The subject of the list, for errors.
  let subject: String

  func run(_ path: String, query: [(String, String)] = []) async throws {
    let format = try output.format
    let client = try Session(global).client()
    var items: [DocumentValue] = []
    var page = PageRequest(size: 1000)
    while true {
      let answer: ResourcePage<DocumentValue>
      do {
        answer = try await client.list(path, page: page, query: query)
      } catch {
        throw error.during("failed to list \(subject)")
      }
      items += answer.items
      guard let next = answer.nextOffset, next != page.offset, !answer.items.isEmpty else { break }
      page.offset = next
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
