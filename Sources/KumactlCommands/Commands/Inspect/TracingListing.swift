import MeshClient
import MeshModel
import OrderedCollections

/// Prints who of a mesh is traced, and why not: once, or again and again.
struct TracingListing {
  let client: ControlPlaneClient
  /// The path of a mesh's `_tracing`.
  let path: String
  let query: [(String, String)]
  let format: OutputFormat
  let isWide: Bool
  /// Whether proxies whose verdict is fine are left out.
  let onlyNotTraced: Bool

  /// Prints the list.
  func run() async throws {
    let answers = try await read(query + (onlyNotTraced ? [("notTraced", "true")] : []))
    let items = answers.flatMap { $0["items"]?.array ?? [] }
    guard format == .table else {
      // One document, whatever the number of pages: what concerns the whole mesh is in each of them.
      var whole = answers.first?.object ?? [:]
      whole["items"] = .array(items)
      whole["next"] = .null
      return Console.write(format.text(.object(whole), sortKeys: false))
    }
    var columns = TableColumns()
    let now = Age.now
    Console.write(columns.text([headers] + items.map { cells(ProxyTracingRow($0, now: now)) }))
    Console.write("\n\(Self.totals(answers.first ?? [:]))\n")
  }

  /// Prints the list, then each proxy of which something other than a count or an age changes, until the process is ended.
  func watch() async throws {
    var columns = TableColumns()
    var known: [[String]: ProxyTracingRow] = [:]
    var isFirst = true
    var isAway = false
    while true {
      let start = ContinuousClock.now
      do {
        let items = try await read(query).flatMap { $0["items"]?.array ?? [] }
        let now = Age.now
        let rows = items.map { ($0, ProxyTracingRow($0, now: now)) }
        let changes = rows.filter { item, row in
          let before = known[row.identity]
          guard before?.state != row.state else { return false }
          let isFine = TracingVerdict(item["verdict"])?.isFine == true
          return !onlyNotTraced || !isFine || before?.isShown == true
        }
        let present = Set(rows.map(\.1.identity))
        let gone = known.filter { $1.isShown && !present.contains($0) }
        write(
          changes, gone: gone.values.sorted { $0.identity.lexicographicallyPrecedes($1.identity) }, isFirst, &columns)
        let shown = Set(changes.map(\.1.identity))
        known = rows.reduce(into: [:]) { table, entry in
          var row = entry.1
          row.isShown =
            (shown.contains(row.identity) || known[row.identity]?.isShown == true)
            && !(onlyNotTraced && TracingVerdict(entry.0["verdict"])?.isFine == true)
          table[row.identity] = row
        }
        isFirst = false
        if isAway { Console.notice("the control plane answers again") }
        isAway = false
      } catch let error as ControlPlaneError where !isFirst && error.isUnconfirmed && error.code != .denied {
        // Somebody who watches wants to see what comes after a restart of the control plane, too.
        if !isAway { Console.notice("\(error.withAdvice.description); trying again") }
        isAway = true
      }
      // A large mesh is asked less often, so that this costs the control plane a small part of its time.
      let pause = max(.seconds(isAway ? 5 : 1), (ContinuousClock.now - start) * 10)
      try await Task.sleep(for: min(pause, .seconds(60)))
    }
  }

  private func read(_ query: [(String, String)]) async throws -> [DocumentValue] {
    do {
      return try await client.pages(path, query: query)
    } catch {
      throw error.during("failed to list who is traced")
    }
  }

  private var headers: [String] { isWide ? ProxyTracingRow.Wide.headers : ProxyTracingRow.headers }

  private func cells(_ row: ProxyTracingRow) -> [String] { isWide ? row.wide.cells : row.cells }

  private func write(
    _ changes: [(DocumentValue, ProxyTracingRow)], gone: [ProxyTracingRow], _ isFirst: Bool,
    _ columns: inout TableColumns
  ) {
    guard format == .table else {
      for (item, _) in changes {
        Console.write((format == .yaml ? "---\n" : "") + format.text(item, sortKeys: false))
      }
      for row in gone {
        let item: DocumentValue = [
          "mesh": .string(row.identity[0]), "name": .string(row.identity[1]), "deleted": true,
        ]
        Console.write((format == .yaml ? "---\n" : "") + format.text(item, sortKeys: false))
      }
      return
    }
    let lines = changes.map { cells($0.1) } + gone.map { cells($0.deleted) }
    guard isFirst || !lines.isEmpty else { return }
    Console.write(columns.text((isFirst ? [headers] : []) + lines))
  }

  /// How many proxies have which verdict: `9 proxies: 7 fine, 2 no-policy`.
  static func totals(_ answer: DocumentValue) -> String {
    let causes = (answer["causes"]?.object ?? [:]).compactMap { name, count in
      count.number.flatMap { Int(exactly: $0) }.map { (name: name, count: $0) }
    }
    .sorted { ($0.name == "fine" ? 0 : 1, -$0.count, $0.name) < ($1.name == "fine" ? 0 : 1, -$1.count, $1.name) }
    let count = InspectServicesCommand.count(answer["proxies"])
    let words = causes.map { "\($0.count) \($0.name.printable)" }.joined(separator: ", ")
    return "\(count) \(count == "1" ? "proxy" : "proxies")" + (words.isEmpty ? "" : ": \(words)")
  }
}
