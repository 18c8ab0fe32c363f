extension String {
  /// Reads the bytes of a YAML document: UTF-8, UTF-16 or UTF-32, told from a byte order mark or from the zero bytes that
  /// the first character has. Source: YAML 1.2.2, section 5.2.
  ///
  /// - Throws: ``DocumentError`` when the bytes are no text in that encoding.
  public init(documentBytes bytes: [UInt8]) throws(DocumentError) {
    let encoding = DocumentEncoding(of: bytes)
    let text: String? =
      switch encoding {
      case .utf8: String(validating: bytes, as: UTF8.self)
      case .utf16(let isBigEndian):
        bytes.count.isMultiple(of: 2)
          ? String(validating: bytes.units(of: 2, isBigEndian).map { UInt16(truncatingIfNeeded: $0) }, as: UTF16.self)
          : nil
      case .utf32(let isBigEndian):
        bytes.count.isMultiple(of: 4) ? String(validating: bytes.units(of: 4, isBigEndian), as: UTF32.self) : nil
      }
    guard let text else {
      throw DocumentError(code: .syntax, message: "the text is not valid \(encoding.name); save it as UTF-8")
    }
    self = text.withoutByteOrderMarks
  }

  /// The text without the byte order marks that begin it, and those that begin a document after it, as files have them
  /// that were put one behind the other.
  var withoutByteOrderMarks: String {
    let mark: [UInt8] = [0xef, 0xbb, 0xbf]
    let separator = Array("---".utf8)
    guard utf8.contains(0xef) else { return self }
    var kept: [UInt8] = []
    kept.reserveCapacity(utf8.count)
    var beginsDocument = true
    for line in utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      if !kept.isEmpty || line.startIndex != utf8.startIndex { kept.append(UInt8(ascii: "\n")) }
      let rest = line.dropFirst(3)
      let isMarked = line.starts(with: mark) && (beginsDocument || rest.starts(with: separator))
      let content = isMarked ? rest : line
      kept += content
      // A separator, which may have a comment behind it, or nothing at all after one.
      let isSeparator = content.starts(with: separator) || content.starts(with: "...".utf8)
      let text = content.dropFirst(isSeparator ? 3 : 0).drop { $0 == 0x0d || $0 == 0x20 || $0 == 0x09 }
      beginsDocument = (isSeparator || beginsDocument) && (text.isEmpty || text.first == UInt8(ascii: "#"))
    }
    return String(decoding: kept, as: UTF8.self)
  }
}

/// How the bytes of a document stand for characters.
enum DocumentEncoding: Equatable {
  case utf8
  case utf16(isBigEndian: Bool)
  case utf32(isBigEndian: Bool)

  init(of bytes: some Collection<UInt8>) {
    let first = Array(bytes.prefix(4))
    func begins(_ pattern: [UInt8?]) -> Bool {
      first.count >= pattern.count && zip(first, pattern).allSatisfy { $1 == nil ? $0 != 0 : $0 == $1 }
    }
    if begins([0, 0, 0xfe, 0xff]) || begins([0, 0, 0, nil]) {
      self = .utf32(isBigEndian: true)
    } else if begins([0xff, 0xfe, 0, 0]) || begins([nil, 0, 0, 0]) {
      self = .utf32(isBigEndian: false)
    } else if begins([0xfe, 0xff]) || begins([0, nil]) {
      self = .utf16(isBigEndian: true)
    } else if begins([0xff, 0xfe]) || begins([nil, 0]) {
      self = .utf16(isBigEndian: false)
    } else {
      self = .utf8
    }
  }

  var name: String {
    switch self {
    case .utf8: "UTF-8"
    case .utf16: "UTF-16"
    case .utf32: "UTF-32"
    }
  }
}

extension [UInt8] {
  /// The numbers that so many bytes each stand for.
  fileprivate func units(of width: Int, _ isBigEndian: Bool) -> [UInt32] {
    stride(from: 0, to: count, by: width).map { start in
      self[start..<start + width].enumerated().reduce(0) { unit, byte in
        let place = isBigEndian ? width - 1 - byte.offset : byte.offset
        return unit | UInt32(byte.element) << UInt32(8 * place)
      }
    }
  }
}
