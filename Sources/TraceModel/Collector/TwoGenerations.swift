/// A bounded memory of values by keys, in two generations: when the newer one is full, the older one is evicted. A value that is set
/// now and then stays.
public struct TwoGenerations<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  @usableFromInline var newer: [Key: Value] = [:]
  @usableFromInline var older: [Key: Value] = [:]
  /// How many values one generation holds.
  public let capacity: Int

  /// Creates an empty memory.
  @inlinable public init(capacity: Int) { self.capacity = capacity }

  /// The number of values.
  @inlinable public var count: Int { newer.count + older.count }

  /// The value of a key; nil if it has none or was evicted.
  @inlinable public subscript(key: Key) -> Value? { newer[key] ?? older[key] }

  /// Sets the value of a key.
  @inlinable public mutating func set(_ value: Value, for key: Key) {
    if newer[key] == nil, newer.count >= capacity {
      older = newer
      newer = [:]
    }
    newer[key] = value
  }
}
