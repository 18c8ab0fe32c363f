import Foundation
import GRDB
import Synchronization

/// What only the writer needs, in memory.
struct WriterState: Sendable {
  var texts: TextTable
  /// The oldest span.
  var firstID: Int64
  /// The next span.
  var nextID: Int64

  var count: Int { Int(clamping: nextID &- firstID) }

  init(_ database: Database) throws {
    var texts: [String] = []
    let rows = try Row.fetchCursor(database, sql: "SELECT id, value FROM text ORDER BY id")
    while let row = try rows.next() {
      guard let id = Int.fromDatabaseValue(row[0]), let value = String.fromDatabaseValue(row[1]), id == texts.count
      else { throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the table of texts has a gap") }
      texts.append(value)
    }
    self.texts = TextTable(texts: texts)
    let last = try Int64.fetchOne(database, sql: "SELECT max(id) FROM span")
    nextID = (last ?? 0) &+ 1
    firstID = try Int64.fetchOne(database, sql: "SELECT min(id) FROM span") ?? nextID
  }
}

extension TermTable {
  static func load(_ database: Database) throws -> TermTable {
    var table = TermTable()
    let rows = try Row.fetchCursor(database, sql: "SELECT id, kind, service, value FROM term")
    while let row = try rows.next() {
      guard let number = Int64.fromDatabaseValue(row[0]),
        let kind = Int64.fromDatabaseValue(row[1]).flatMap(Term.Kind.init(rawValue:)),
        let service = String.fromDatabaseValue(row[2]), let value = String.fromDatabaseValue(row[3])
      else { continue }
      table.insert(Term(kind: kind, service: service, value: value), number: number)
    }
    return table
  }
}

/// The statements of one transaction.
private struct WriteStatements {
  let span: Statement
  let posting: Statement
  let term: Statement
  let text: Statement

  init(_ database: Database) throws {
    span = try database.cachedStatement(sql: "INSERT INTO span (id, trace, record) VALUES (?, ?, ?)")
    posting = try database.cachedStatement(sql: "INSERT OR IGNORE INTO posting (term, time, trace) VALUES (?, ?, ?)")
    term = try database.cachedStatement(sql: "INSERT INTO term (id, kind, service, value) VALUES (?, ?, ?, ?)")
    text = try database.cachedStatement(sql: "INSERT INTO text (id, value) VALUES (?, ?)")
  }
}

extension SpanStore {
  /// What a transaction added in memory, to be taken back if it fails.
  private struct Additions {
    var terms: [Term] = []
    var texts: Int
    var nextID: Int64
  }

  /// Stores the spans of some requests in one transaction.
  func store(_ batch: [Request], on database: Database) -> [Result<[SpanRejection], CollectorError>] {
    let received = settings.clock.milliseconds()
    var state = writer.withLock { $0 }
    // The copy above shares its storage; giving ours up keeps the changes below from copying all of it.
    writer.withLock { $0.texts = TextTable() }
    var additions = Additions(texts: state.texts.texts.count, nextID: state.nextID)
    var results: [Result<[SpanRejection], CollectorError>] = []
    do {
      try database.inTransaction(.immediate) {
        let statements = try WriteStatements(database)
        for request in batch {
          var rejections: [SpanRejection] = []
          for (index, span) in request.spans.enumerated() {
            let isStored = try store(span, received: received, &state, &additions, statements)
            if !isStored {
              rejections.append(
                SpanRejection(
                  index: index,
                  reason: "there are already \(settings.limits.services) different services; this one is not let in"))
            }
          }
          results.append(.success(rejections))
        }
        for number in additions.texts..<state.texts.texts.count {
          statements.text.setUncheckedArguments([number, state.texts.texts[number]])
          try statements.text.execute()
        }
        // Before the commit: whoever can read a record must find its texts.
        if additions.texts < state.texts.texts.count { texts.withLock { $0 = state.texts.texts } }
        return .commit
      }
      metrics.commits.count(1)
    } catch {
      state.texts.shrink(to: additions.texts)
      state.nextID = additions.nextID
      terms.withLock { terms in
        for term in additions.terms { terms.remove(term) }
      }
      let failure = file.error(error, doing: "written")
      results = batch.map { _ in .failure(failure) }
    }
    writer.withLock { $0 = state }
    return results
  }

  /// Stores a span; false if its service is one too many.
  private func store(
    _ span: Span, received: Int64, _ state: inout WriterState, _ additions: inout Additions,
    _ statements: WriteStatements
  ) throws -> Bool {
    let limits = settings.limits
    let wanted = Self.terms(of: span)
    let autocomplete = span.tags.filter { settings.autocompleteKeys.contains($0.key) && $0.value.utf8.count <= 256 }
      .map { Term(kind: .tagValue, service: $0.key, value: $0.value) }
    var numbers: [Int64] = []
    var new: [(Term, Int64)] = []
    let isKnown = terms.withLock { terms in
      if !terms.services.contains(span.serviceName), terms.services.count >= limits.services { return false }
      for (index, term) in (wanted + autocomplete).enumerated() {
        if let number = terms.numbers[term] {
          if index < wanted.count { numbers.append(number) }
          continue
        }
        guard term.value.utf8.count <= limits.nameBytes else { continue }
        if !term.value.isEmpty, terms.valueCount(term.kind, of: term.service) >= limits.namesPerService { continue }
        guard !term.value.utf8.contains(0) else { continue }
        let number = terms.add(term)
        new.append((term, number))
        additions.terms.append(term)
        if index < wanted.count { numbers.append(number) }
      }
      return true
    }
    guard isKnown else { return false }
    for (term, number) in new {
      statements.term.setUncheckedArguments([number, term.kind.rawValue, term.service, term.value])
      try statements.term.execute()
    }
    let trace = Int64(bitPattern: span.traceID.low)
    let record = SpanRecord.encode(span, received: received, texts: &state.texts)
    statements.span.setUncheckedArguments([state.nextID, trace, Data(record)])
    try statements.span.execute()
    state.nextID &+= 1
    let time = Self.time(of: span, received: received)
    for number in numbers {
      statements.posting.setUncheckedArguments([number, time, trace])
      try statements.posting.execute()
    }
    return true
  }

  /// What a span is found by.
  static func terms(of span: Span) -> [Term] {
    let service = span.serviceName
    var terms = [Term(kind: .service, service: service)]
    if !span.name.isEmpty { terms.append(Term(kind: .operation, service: service, value: span.name)) }
    if !span.remoteServiceName.isEmpty {
      terms.append(Term(kind: .remoteService, service: service, value: span.remoteServiceName))
    }
    if span.isError { terms.append(Term(kind: .errors, service: service)) }
    return terms
  }

  /// The time under which a span is found, in milliseconds; of one without a time the moment at which it came.
  static func time(of span: Span, received: Int64) -> Int64 {
    span.timestamp > 0 ? span.timestamp / 1_000 : received
  }
}
