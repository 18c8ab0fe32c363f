import Synchronization
import TraceModel

/// Frequent texts by number: the store's table `text` in memory.
///
/// A text is added when it has been seen a few times, so texts that differ in every span (paths with ids, request ids) do not fill
/// the table. The table grows up to a bound. Lookups compare bytes, make no `String`, and take no lock, so threads that encode spans
/// never wait for each other.
///
/// Lookups need no lock because an entry never changes or moves, and is freed with the table. Writers lock ``state``, and publish a
/// complete entry, or larger slots with all entries, by one atomic store. A reader with the old slots may miss a new text; it then
/// looks again with the lock.
final class TextTable: @unchecked Sendable {
  private static let capacity = 65_536
  /// How often a text must have been seen.
  private static let threshold: UInt8 = 4
  private static let counterCount = 1 << 16
  /// The most slots that a lookup compares, so that texts with equal hashes cannot make lookups slow.
  private static let probes = 32

  /// Entries by hash, with open addressing.
  private struct Slots: @unchecked Sendable {
    let mask: Int
    let entries: UnsafeMutablePointer<Atomic<UnsafeRawPointer?>>

    init(count: Int) {
      mask = count - 1
      entries = .allocate(capacity: count)
      for slot in 0..<count { (entries + slot).initialize(to: Atomic(nil)) }
    }

    func place(_ entry: Entry) {
      var slot = Int(truncatingIfNeeded: entry.hash) & mask
      while entries[slot].load(ordering: .relaxed) != nil { slot = (slot &+ 1) & mask }
      entries[slot].store(entry.start, ordering: .releasing)
    }

    func free() {
      entries.deinitialize(count: mask + 1)
      entries.deallocate()
    }
  }

  /// A text in its own allocation: its hash, its number, its length and its bytes.
  private struct Entry: @unchecked Sendable {
    private static let head = 16
    let start: UnsafeRawPointer

    init(_ start: UnsafeRawPointer) { self.start = start }

    init(_ text: UnsafeRawBufferPointer, hash: UInt64, number: Int) {
      let memory = UnsafeMutableRawPointer.allocate(byteCount: Self.head + text.count, alignment: 8)
      memory.storeBytes(of: hash, as: UInt64.self)
      memory.storeBytes(of: UInt32(truncatingIfNeeded: number), toByteOffset: 8, as: UInt32.self)
      memory.storeBytes(of: UInt32(truncatingIfNeeded: text.count), toByteOffset: 12, as: UInt32.self)
      if let bytes = text.baseAddress { (memory + Self.head).copyMemory(from: bytes, byteCount: text.count) }
      start = UnsafeRawPointer(memory)
    }

    var hash: UInt64 { start.load(as: UInt64.self) }
    var number: UInt32 { start.load(fromByteOffset: 8, as: UInt32.self) }

    @inline(__always) func isEqual(_ text: UnsafeRawBufferPointer, hash: UInt64) -> Bool {
      guard self.hash == hash, Int(start.load(fromByteOffset: 12, as: UInt32.self)) == text.count else { return false }
      let known = start + Self.head
      var offset = 0
      while offset + 8 <= text.count {
        if known.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
          != text.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        {
          return false
        }
        offset += 8
      }
      while offset < text.count {
        if known.load(fromByteOffset: offset, as: UInt8.self) != text[offset] { return false }
        offset += 1
      }
      return true
    }

    func free() { start.deallocate() }
  }

  /// Slots in their own allocation, so that one atomic store replaces both fields.
  private struct Published: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Slots>

    init(count: Int) {
      pointer = .allocate(capacity: 1)
      pointer.initialize(to: Slots(count: count))
    }

    func free() {
      pointer.pointee.free()
      pointer.deallocate()
    }
  }

  private struct State {
    var texts = TextList()
    /// How many of the texts are on the disk.
    var storedCount = 0
    var entries: [Entry] = []
    /// All slots that readers may still use. The last are current.
    var slots: [Published] = []
  }

  private let state: Mutex<State>
  private let slots: Atomic<UnsafeMutablePointer<Slots>>
  private let count: Atomic<Int>
  /// How often texts with a hash were seen. The counts are halved from time to time.
  private let counters: UnsafeMutablePointer<Atomic<UInt8>>
  private let seen = Atomic(0)

  /// Makes a table of texts that are on the disk.
  init(texts: [String] = []) {
    counters = .allocate(capacity: Self.counterCount)
    for index in 0..<Self.counterCount { (counters + index).initialize(to: Atomic(0)) }
    let first = Published(count: 1 << 10)
    slots = Atomic(first.pointer)
    count = Atomic(0)
    state = Mutex(State(slots: [first]))
    state.withLock { state in
      for var text in texts {
        let hash = TextHash.hash(text)
        let number = state.texts.count
        let entry = text.withUTF8 { Entry(UnsafeRawBufferPointer($0), hash: hash, number: number) }
        insert(entry, text, &state)
      }
      state.storedCount = texts.count
    }
  }

  deinit {
    state.withLock { state in
      for entry in state.entries { entry.free() }
      for slots in state.slots { slots.free() }
    }
    counters.deinitialize(count: Self.counterCount)
    counters.deallocate()
  }

  // MARK: Lookup

  /// The texts. A text's number is its index.
  var texts: TextList { state.withLock { $0.texts } }

  /// The texts that are not on the disk yet, and the number of the first.
  func unstored() -> (first: Int, texts: [String]) {
    state.withLock { ($0.storedCount, Array($0.texts[$0.storedCount...])) }
  }

  /// Records how many texts are on the disk.
  func setStored(_ count: Int) { state.withLock { $0.storedCount = max($0.storedCount, count) } }

  private enum Place {
    case found(UInt32)
    case free
    case crowded
  }

  @inline(__always) private func place(of text: UnsafeRawBufferPointer, hash: UInt64) -> Place {
    let slots = slots.load(ordering: .acquiring).pointee
    var slot = Int(truncatingIfNeeded: hash) & slots.mask
    for _ in 0..<Self.probes {
      guard let start = slots.entries[slot].load(ordering: .acquiring) else { return .free }
      let entry = Entry(start)
      if entry.isEqual(text, hash: hash) { return .found(entry.number) }
      slot = (slot &+ 1) & slots.mask
    }
    return .crowded
  }

  /// The number of a text in the table; nil if it is not in the table. The text is not counted.
  func number(ofKnown text: String) -> UInt32? {
    var text = text
    return text.withUTF8 { bytes in
      let bytes = UnsafeRawBufferPointer(bytes)
      guard case .found(let number) = place(of: bytes, hash: TextHash.hash(bytes)) else { return nil }
      return number
    }
  }

  /// The number of a text; nil if the record must contain the text itself.
  func number(of text: UnsafeRawBufferPointer, hash: UInt64) -> UInt32? {
    switch place(of: text, hash: hash) {
    case .found(let number): return number
    case .crowded: return nil
    case .free: break
    }
    // SQLite ends a text at a zero byte.
    guard text.count <= 128, count.load(ordering: .relaxed) < Self.capacity, !text.contains(0) else { return nil }
    guard text.isEmpty || isFrequent(hash) else { return nil }
    return state.withLock { state in
      // Another thread may have added the text meanwhile.
      switch place(of: text, hash: hash) {
      case .found(let number): return number
      case .crowded: return nil
      case .free:
        guard state.texts.count < Self.capacity else { return nil }
        let entry = Entry(text, hash: hash, number: state.texts.count)
        insert(entry, String(decoding: text, as: UTF8.self), &state)
        return entry.number
      }
    }
  }

  // MARK: Insertion

  /// Counts a text that is not in the table. Returns whether it has been seen often enough to be added. Counts are approximate, because
  /// concurrent increments may be lost.
  private func isFrequent(_ hash: UInt64) -> Bool {
    if seen.wrappingAdd(1, ordering: .relaxed).oldValue >= Self.counterCount {
      seen.store(0, ordering: .relaxed)
      for index in 0..<Self.counterCount {
        counters[index].store(counters[index].load(ordering: .relaxed) / 2, ordering: .relaxed)
      }
    }
    let counter = Int(truncatingIfNeeded: hash >> 40) & (Self.counterCount - 1)
    let count = counters[counter].load(ordering: .relaxed)
    if count < .max { counters[counter].store(count + 1, ordering: .relaxed) }
    return count == .max || count + 1 >= Self.threshold
  }

  private func insert(_ entry: Entry, _ text: String, _ state: inout State) {
    state.texts.append(text)
    state.entries.append(entry)
    count.store(state.texts.count, ordering: .relaxed)
    let present = slots.load(ordering: .relaxed).pointee
    guard state.entries.count * 3 > present.mask else { return present.place(entry) }
    let larger = Published(count: (present.mask + 1) * 4)
    for entry in state.entries { larger.pointer.pointee.place(entry) }
    state.slots.append(larger)
    slots.store(larger.pointer, ordering: .releasing)
  }
}
