/// The hash FNV-1a with 64 bits: the same bytes give the same number in every process and every version.
///
/// It is no defence: whoever wants two texts with one number finds them. Use it where nobody gains anything from that.
public enum FNV1a {
  /// The hash of some bytes.
  @inlinable public static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return hash
  }
}
