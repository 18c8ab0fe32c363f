import MeshModel

/// What writers of resources were told, to compare with what a store has: each write of a resource carries a number of its own, in the
/// label ``label``.
///
/// A write without an answer may have happened or not. Each resource has one writer, which waits for an answer or for the end of its
/// connection before it writes again.
struct AcknowledgedWrites: Sendable {
  /// The label with the number of the write.
  static let label = "write"

  /// What a store has of a resource.
  struct Found: Sendable {
    var number: Int?
    var modified: Timestamp?

    init(number: Int?, modified: Timestamp? = nil) {
      self.number = number
      self.modified = modified
    }

    init(_ resource: Resource) {
      self.init(
        number: resource.labels[AcknowledgedWrites.label].flatMap { Int($0) }, modified: resource.modificationTime)
    }
  }

  private struct Record: Sendable {
    /// The numbers that the store may have, `nil` for no resource: what was acknowledged last, and what had no answer since.
    var possible: [Int?] = [nil]
    var modified: Timestamp?
  }

  private var records: [ResourceKey: Record] = [:]
  /// How many writes were acknowledged.
  private(set) var count = 0
  /// What is wrong with answers so far.
  private(set) var faults: [String] = []

  /// The resources that were ever written.
  var keys: Set<ResourceKey> { Set(records.keys) }

  /// A write begins; `nil` for a deletion.
  mutating func begin(_ key: ResourceKey, _ number: Int?) { records[key, default: Record()].possible.append(number) }

  /// The write that began last was acknowledged.
  ///
  /// - Parameter existed: whether the answer said that the resource was there before.
  mutating func acknowledge(_ key: ResourceKey, _ number: Int?, existed: Bool) {
    count += 1
    let before = records[key, default: Record()].possible.dropLast()
    let mayHaveExisted = before.contains { $0 != nil }
    let mayHaveBeenAbsent = before.contains { $0 == nil }
    if existed, !mayHaveExisted {
      faults.append("\(key) was there before write \(number ?? 0), although it was deleted")
    }
    if !existed, !mayHaveBeenAbsent {
      faults.append("\(key) was not there before write \(number ?? 0): \(before) is lost")
    }
    records[key]?.possible = [number]
  }

  /// Compares what a store has, which is then what was acknowledged last.
  ///
  /// - Returns: what is lost, came back, or is older than before.
  mutating func compare(_ found: [ResourceKey: Found]) -> [String] {
    var faults: [String] = []
    for (key, record) in records {
      let resource = found[key]
      if !record.possible.contains(resource?.number) {
        faults.append("\(key) has write \(resource?.number ?? 0), and not one of \(record.possible.map { $0 ?? 0 })")
      }
      if let before = record.modified, let now = resource?.modified, now < before {
        faults.append("\(key) was written at \(now), and before at \(before)")
      }
      records[key]?.possible = [resource?.number]
      records[key]?.modified = resource?.modified ?? record.modified
    }
    return faults
  }
}
