/// Says quickly of most keys that they name no secret: by their letters, and by first and last letter and length of the part after
/// the last dot.
struct KeyFilter: @unchecked Sendable {
  /// A bit for each combination that a name of the lists has. Never released.
  private let bits: UnsafePointer<UInt64>
  /// The letters of each word that secrets have.
  private let letterSets: UnsafePointer<UInt32>
  private let letterSetCount: Int
  private static let bitCount = 2_048

  static let shared = KeyFilter()

  private init() {
    let bits = UnsafeMutablePointer<UInt64>.allocate(capacity: Self.bitCount / 64)
    bits.initialize(repeating: 0, count: Self.bitCount / 64)
    for name in SecretNames.names {
      let letters = name.utf8.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "_") }.map(Self.lowercased)
      guard let first = letters.first, let last = letters.last else { continue }
      let bit = Self.bit(first, last, letters.count)
      bits[bit / 64] |= 1 << UInt64(bit % 64)
    }
    self.bits = UnsafePointer(bits)
    let sets = KeyName.letterSets
    let letterSets = UnsafeMutablePointer<UInt32>.allocate(capacity: sets.count)
    letterSets.initialize(from: sets, count: sets.count)
    (self.letterSets, letterSetCount) = (UnsafePointer(letterSets), sets.count)
  }

  /// The bit of a letter; 0 for other characters.
  @inline(__always) static func letter(_ byte: UInt8) -> UInt32 {
    byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") ? 1 << UInt32(byte &- UInt8(ascii: "a")) : 0
  }

  @inline(__always) private static func lowercased(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
  }

  @inline(__always) private static func bit(_ first: UInt8, _ last: UInt8, _ count: Int) -> Int {
    (Int(first & 31) &* 67 &+ Int(last & 31) &* 31 &+ count &* 129) & (bitCount - 1)
  }

  /// Whether a key may name a secret. If not, it is in none of the lists and has none of the words.
  func mayBeSecret(_ key: UnsafeRawBufferPointer) -> Bool {
    var letters: UInt32 = 0
    var (first, last, count): (UInt8, UInt8, Int) = (0, 0, 0)
    for byte in key {
      switch byte {
      case UInt8(ascii: "-"), UInt8(ascii: "_"): continue
      case UInt8(ascii: "."): count = 0
      case UInt8(ascii: "%"): return true
      default:
        let byte = Self.lowercased(byte)
        letters |= Self.letter(byte)
        if count == 0 { first = byte }
        last = byte
        count &+= 1
      }
    }
    let bit = Self.bit(first, last, count)
    if bits[bit >> 6] >> UInt64(bit & 63) & 1 != 0 { return true }
    for index in 0..<letterSetCount where letters & letterSets[index] == letterSets[index] { return true }
    return false
  }
}
