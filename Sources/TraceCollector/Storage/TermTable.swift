/// Something by which traces are found: a service, an operation of it, a service that it calls, its errors; or a value
/// that the autocompletion offers.
struct Term: Sendable, Hashable {
  enum Kind: Int64, Sendable {
    case service = 0
    case operation = 1
    case remoteService = 2
    case errors = 3
    case tagValue = 4
  }

  var kind: Kind
  /// The service; for a tag's value the key.
  var service: String
  /// The operation, the remote service or the value; empty for the other kinds.
  var value = ""
}

/// The terms of the store, by number: what the table `term` holds.
struct TermTable: Sendable {
  private(set) var numbers: [Term: Int64] = [:]
  private(set) var services: Set<String> = []
  /// The operations, remote services and values of a service or key.
  private(set) var values: [Term.Kind: [String: Set<String>]] = [:]
  private var nextNumber: Int64 = 1

  /// The number of a term that is there.
  func number(_ kind: Term.Kind, _ service: String, _ value: String = "") -> Int64? {
    numbers[Term(kind: kind, service: service, value: value)]
  }

  /// The values of a service or key, sorted.
  func sortedValues(_ kind: Term.Kind, of service: String) -> [String] { values[kind]?[service]?.sorted() ?? [] }

  func valueCount(_ kind: Term.Kind, of service: String) -> Int { values[kind]?[service]?.count ?? 0 }

  /// Adds a term and gives its number.
  mutating func add(_ term: Term) -> Int64 {
    let number = nextNumber
    insert(term, number: number)
    return number
  }

  mutating func insert(_ term: Term, number: Int64) {
    numbers[term] = number
    nextNumber = max(nextNumber, number &+ 1)
    switch term.kind {
    case .service: services.insert(term.service)
    case .operation, .remoteService, .tagValue:
      values[term.kind, default: [:]][term.service, default: []].insert(term.value)
    case .errors: break
    }
  }

  mutating func remove(_ term: Term) {
    numbers[term] = nil
    switch term.kind {
    case .service: services.remove(term.service)
    case .operation, .remoteService, .tagValue:
      values[term.kind]?[term.service]?.remove(term.value)
      if values[term.kind]?[term.service]?.isEmpty == true { values[term.kind]?[term.service] = nil }
    case .errors: break
    }
  }
}
