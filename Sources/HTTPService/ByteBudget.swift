import Synchronization

/// Limits the bytes that all requests together hold in memory.
///
/// Bytes are reserved when they arrive and released when the request has been answered. An announced body reserves nothing. A request
/// that finds too little left is refused immediately with a message, so that requests that arrived earlier can be completed.
///
/// A budget may be a share of another budget. It then reserves from both, so that all shares together stay within the whole, and no
/// share can exhaust it.
public final class ByteBudget: Sendable {
  /// The state of a budget at one moment.
  public struct Usage: Sendable, Hashable {
    /// The reserved bytes.
    public var bytes = 0
    /// The most bytes that were reserved at a time.
    public var peak = 0
    /// How many reservations were refused.
    public var refusals = 0
  }

  /// What the bytes are for, as the label of a metric: `requests`, `api`.
  public let name: String
  /// How many bytes may be reserved at a time.
  public let limit: Int
  private let whole: ByteBudget?
  private let onRelief: (@Sendable () -> Void)?
  private let state = Mutex((usage: Usage(), isHigh: false))

  /// Makes a budget without reservations.
  ///
  /// - Parameters:
  ///   - name: what the bytes are for, as the label of a metric.
  ///   - limit: how many bytes may be reserved at a time.
  ///   - whole: the budget of which this one is a share.
  ///   - onRelief: called when the reserved bytes fall below 1/64 of the limit after they exceeded 1/8.
  public init(
    _ name: String, limit: Int, within whole: ByteBudget? = nil, onRelief: (@Sendable () -> Void)? = nil
  ) {
    self.name = name
    self.limit = limit
    self.whole = whole
    self.onRelief = onRelief
  }

  /// The current state.
  public var usage: Usage { state.withLock { $0.usage } }

  /// Reserves bytes; false, and nothing is reserved, if too few are left. The caller must release them; see ``ByteCharge``.
  public func reserve(_ count: Int) -> Bool {
    guard count > 0 else { return true }
    let isTaken = state.withLock { state in
      guard count <= limit - state.usage.bytes else {
        state.usage.refusals &+= 1
        return false
      }
      state.usage.bytes += count
      return true
    }
    guard isTaken else { return false }
    let isWithinWhole = whole?.reserve(count) ?? true
    state.withLock { state in
      if isWithinWhole {
        state.usage.peak = max(state.usage.peak, state.usage.bytes)
        if state.usage.bytes > limit / 8 { state.isHigh = true }
      } else {
        state.usage.bytes = max(0, state.usage.bytes - count)
        state.usage.refusals &+= 1
      }
    }
    return isWithinWhole
  }

  /// Whether a number of bytes could be reserved now. Reserves nothing.
  public func hasRoom(for count: Int) -> Bool {
    let isWithin = state.withLock { state in
      guard count > limit - state.usage.bytes else { return true }
      state.usage.refusals &+= 1
      return false
    }
    return isWithin && whole?.hasRoom(for: count) ?? true
  }

  /// Releases reserved bytes.
  public func release(_ count: Int) {
    guard count > 0 else { return }
    let isRelief = state.withLock { state in
      state.usage.bytes = max(0, state.usage.bytes - count)
      guard state.isHigh, state.usage.bytes <= limit / 64 else { return false }
      state.isHigh = false
      return true
    }
    whole?.release(count)
    if isRelief { onRelief?() }
  }
}

/// The bytes that one request has reserved from a budget. They are released when the value is destroyed. It is not synchronized.
public struct ByteCharge: ~Copyable, Sendable {
  private let budget: ByteBudget
  /// The reserved bytes.
  public private(set) var bytes = 0

  /// Makes a charge of no bytes.
  public init(on budget: ByteBudget) { self.budget = budget }

  /// Reserves more bytes; false, and the charge does not change, if too few are left.
  public mutating func add(_ count: Int) -> Bool {
    guard count > 0 else { return true }
    guard budget.reserve(count) else { return false }
    bytes += count
    return true
  }

  /// Releases a part of the bytes, at most all of them.
  public mutating func reduce(by count: Int) {
    let released = min(max(0, count), bytes)
    budget.release(released)
    bytes -= released
  }

  deinit { budget.release(bytes) }
}
