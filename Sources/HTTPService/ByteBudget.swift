import Synchronization

/// Bounds the bytes that requests hold in memory at the same time, however many connections they come over.
///
/// Bytes are taken when they arrive and given back when the request has been answered, so that a budget counts what is
/// really there, and announcing a large body costs others nothing. Who gets none is refused at once and in words: what is
/// there already can be finished, the newest has to come again.
///
/// A budget may be a share of another one. What is taken from it is then taken from both, so that all shares together stay
/// within the whole, and none of them can use up what is left for the others.
public final class ByteBudget: Sendable {
  /// What a budget holds at one moment.
  public struct Usage: Sendable, Hashable {
    /// Bytes that are taken.
    public var bytes = 0
    /// The most that have been taken at a time.
    public var peak = 0
    /// How often there was not enough left.
    public var refusals = 0
  }

  /// What the bytes are for, as the label of a metric: `requests`, `api`.
  public let name: String
  /// How many bytes may be taken at a time.
  public let limit: Int
  private let whole: ByteBudget?
  private let onRelief: (@Sendable () -> Void)?
  private let state = Mutex((usage: Usage(), isHigh: false))

  /// Makes a budget of which nothing is taken.
  ///
  /// - Parameters:
  ///   - name: what the bytes are for, as the label of a metric.
  ///   - limit: how many may be taken at a time.
  ///   - whole: the budget of which this one is a share.
  ///   - onRelief: called when next to nothing is taken any more after more than an eighth was.
  public init(
    _ name: String, limit: Int, within whole: ByteBudget? = nil, onRelief: (@Sendable () -> Void)? = nil
  ) {
    self.name = name
    self.limit = limit
    self.whole = whole
    self.onRelief = onRelief
  }

  /// What is taken now.
  public var usage: Usage { state.withLock { $0.usage } }

  /// Takes bytes; false, and nothing is taken, if there are not as many left. Whoever takes bytes gives them back: see
  /// ``ByteCharge``.
  public func take(_ count: Int) -> Bool {
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
    let isWithinWhole = whole?.take(count) ?? true
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

  /// Whether so many bytes could be taken now; nothing is.
  public func hasRoom(for count: Int) -> Bool {
    let isWithin = state.withLock { state in
      guard count > limit - state.usage.bytes else { return true }
      state.usage.refusals &+= 1
      return false
    }
    return isWithin && whole?.hasRoom(for: count) ?? true
  }

  /// Gives bytes back that were taken.
  public func give(_ count: Int) {
    guard count > 0 else { return }
    let isRelief = state.withLock { state in
      state.usage.bytes = max(0, state.usage.bytes - count)
      guard state.isHigh, state.usage.bytes <= limit / 64 else { return false }
      state.isHigh = false
      return true
    }
    whole?.give(count)
    if isRelief { onRelief?() }
  }
}

/// What one request has taken from a budget. It gives everything back when it goes away, whatever becomes of the request.
///
/// One party at a time may use it: it is no lock.
public struct ByteCharge: ~Copyable, Sendable {
  private let budget: ByteBudget
  /// The bytes taken so far.
  public private(set) var bytes = 0

  /// A charge of nothing.
  public init(on budget: ByteBudget) { self.budget = budget }

  /// Takes more; false, and the charge stays as it is, if the budget has not as many left.
  public mutating func add(_ count: Int) -> Bool {
    guard count > 0 else { return true }
    guard budget.take(count) else { return false }
    bytes += count
    return true
  }

  /// Gives a part back, at most what was taken.
  public mutating func reduce(by count: Int) {
    let given = min(max(0, count), bytes)
    budget.give(given)
    bytes -= given
  }

  deinit { budget.give(bytes) }
}
