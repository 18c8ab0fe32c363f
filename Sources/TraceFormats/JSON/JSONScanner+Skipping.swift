extension JSONScanner {
  /// Skips a value of any type, without recursion.
  mutating func skipValue() throws(JSONError) {
    var closers: [UInt8] = []
    repeat {
      switch try next("a value") {
      case 0x22: _ = try slice("a text")
      case 0x5B:
        if try enterArray() {
          closers.append(0x5D)
          continue
        }
      case 0x7B:
        if try enterObject() {
          closers.append(0x7D)
          _ = try keySlice()
          continue
        }
      case 0x2D, 0x30...0x39: _ = try numberSlice()
      default:
        if try literal("true") { break }
        if try literal("false") { break }
        guard try literal("null") else { throw unexpected("a value") }
      }
      while let closer = closers.last {
        if try more(closer) {
          if closer == 0x7D { _ = try keySlice() }
          break
        }
        closers.removeLast()
      }
    } while !closers.isEmpty
  }
}
