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

  /// All values, in no order.
  package var values: [Value] {
    Array(newer.values) + older.compactMap { newer[$0.key] == nil ? $0.value : nil }
  }

  /// The number of values in the newer generation.
  package var newerCount: Int { newer.count }

  /// Makes sure that a key has a value in the newer generation: the one it has, or a new one.
  ///
  /// - Returns: whether the newer generation did not have it before.
  @discardableResult
  package mutating func bring(_ key: Key, _ make: () -> Value) -> Bool {
    guard newer[key] == nil else { return false }
    set(older[key] ?? make(), for: key)
    // One copy, so that it is changed in its place.
    older[key] = nil
    return true
  }

  /// Changes the value of a key in its place; does nothing if it has none.
  package mutating func change(_ key: Key, _ body: (inout Value) -> Void) {
    if let index = newer.index(forKey: key) {
      body(&newer.values[index])
    } else if let index = older.index(forKey: key) {
      body(&older.values[index])
    }
  }

  /// Evicts the older generation; the newer one becomes the older.
  package mutating func age() {
    older = newer
    newer = [:]
  }
}
