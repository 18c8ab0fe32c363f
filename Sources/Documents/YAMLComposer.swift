import OrderedCollections

/// What one YAML text may cost. Each bound is checked on the steps of the text, before a value is built.
struct YAMLBounds: Sendable {
  /// How deep lists and objects may be nested, aliases with what they stand for.
  var depth = DocumentValue.depthLimit
  /// How large a document may be: each value and key counts one, and one more for every 32 bytes of it.
  var size = 200_000
  /// How much aliases may stand for in a whole text, counted like `size`: this, and one more for every 16 bytes.
  var repeated = 10_000
  /// How deep all values of a text together may be: this, and eight more for every byte. The C library looks at each open
  /// bracket again with each word within.
  var depths = 10_000
  /// How many values of a document may have a name for aliases.
  var anchors = 1000
  /// How many lines may begin with `%`: each directive is compared with the others before it.
  var directives = 32
}

/// Makes values of the steps of a YAML text.
struct YAMLComposer {
  /// A value with what it would cost to repeat it.
  private struct Composed {
    var value: DocumentValue
    var size: Int
    /// How many levels of lists and objects it has.
    var height: Int
    /// The text as it is written, if it is a scalar: keys are read by it.
    var text: String?
    /// Where it begins.
    var line: Int
    var column: Int

    /// Counts an item or a field of a list or an object.
    mutating func contain(_ child: Composed) {
      size += child.size
      height = max(height, child.height + 1)
    }
  }

  private let bounds: YAMLBounds
  private let reader: YAMLEventReader
  private var anchors: [String: Composed] = [:]
  private var anchorCount = 0
  /// What the rest of the document may cost.
  private var sizeLeft = 0
  /// What aliases may still stand for in the text.
  private var repeatedLeft: Int
  /// How deep the rest of the text may be, value by value.
  private var depthsLeft: Int
  /// How many steps have been taken.
  private(set) var events = 0

  init(_ text: String, bounds: YAMLBounds = YAMLBounds()) throws(DocumentError) {
    try Self.checkDirectives(text, limit: bounds.directives)
    self.bounds = bounds
    repeatedLeft = bounds.repeated + text.utf8.count / 16
    depthsLeft = bounds.depths + 8 * text.utf8.count
    reader = try YAMLEventReader(text)
  }

  /// The next document; `nil` at the end of the text.
  mutating func nextDocument() throws(DocumentError) -> DocumentValue? {
    while true {
      switch try next().content {
      case .streamEnd: return nil
      case .documentStart:
        anchors.removeAll()
        anchorCount = 0
        sizeLeft = bounds.size
        return try compose(try next(), depth: 0).value
      default: continue
      }
    }
  }

  private mutating func next() throws(DocumentError) -> YAMLEvent {
    events += 1
    return try reader.next()
  }

  private mutating func compose(_ event: YAMLEvent, depth: Int) throws(DocumentError) -> Composed {
    switch event.content {
    case .alias(let name): return try repeated(name, event, depth: depth)
    case .scalar(let scalar):
      let size = 1 + scalar.text.utf8.count / 32
      try spend(size, event, depth)
      let value = try Self.value(of: scalar, event)
      let composed = Composed(
        value: value, size: size, height: 0, text: scalar.text, line: event.line, column: event.column)
      return try register(composed, scalar.anchor, event)
    case .sequenceStart(let anchor):
      try enter(event, depth)
      var composed = Composed(value: .null, size: 1, height: 1, line: event.line, column: event.column)
      var items: [DocumentValue] = []
      while true {
        let item = try next()
        if case .end = item.content { break }
        let child = try compose(item, depth: depth + 1)
        composed.contain(child)
        items.append(child.value)
      }
      composed.value = .array(items)
      return try register(composed, anchor, event)
    case .mappingStart(let anchor):
      try enter(event, depth)
      return try register(try object(event, depth), anchor, event)
    case .streamStart, .streamEnd, .documentStart, .documentEnd, .end:
      throw Self.error("a value is missing", event)
    }
  }

  private mutating func object(_ event: YAMLEvent, _ depth: Int) throws(DocumentError) -> Composed {
    var composed = Composed(value: .null, size: 1, height: 1, line: event.line, column: event.column)
    var object: DocumentValue.Object = [:]
    var merged: DocumentValue?
    while true {
      let place = try next()
      if case .end = place.content { break }
      let (key, isMerge) = try key(place, depth: depth, into: &composed)
      let valuePlace = try next()
      let child = try compose(valuePlace, depth: depth + 1)
      composed.contain(child)
      let isRepeated: Bool
      if isMerge {
        isRepeated = merged != nil
        merged = child.value
      } else {
        isRepeated = object.updateValue(child.value, forKey: key) != nil
      }
      if isRepeated { throw Self.error("the key \"\(key.abridged())\" is given more than once", place) }
    }
    for value in merged.map({ $0.array ?? [$0] }) ?? [] {
      guard case .object(let other) = value else {
        throw Self.error("the merge key \"<<\" takes an object or a list of objects", event)
      }
      object.merge(other) { present, _ in present }
    }
    composed.value = .object(object)
    return composed
  }

  /// A key, which is refused before it is read if it is a list or an object: comparing those has no bound.
  private mutating func key(
    _ event: YAMLEvent, depth: Int, into object: inout Composed
  ) throws(DocumentError) -> (text: String, isMerge: Bool) {
    switch event.content {
    case .scalar(let scalar):
      let key = try compose(event, depth: depth + 1)
      object.size += key.size
      return (scalar.text, scalar.isPlain && scalar.text == "<<")
    case .alias:
      let key = try compose(event, depth: depth + 1)
      object.size += key.size
      if let text = key.text { return (text, false) }
    default: break
    }
    throw Self.error("a key has to be text", event)
  }

  private mutating func repeated(_ name: String, _ event: YAMLEvent, depth: Int) throws(DocumentError) -> Composed {
    guard var composed = anchors[name] else { throw Self.error("the alias has no anchor", event) }
    repeatedLeft -= composed.size
    guard repeatedLeft >= 0 else {
      throw Self.error("aliases stand for too many values; write them out", event, code: .tooLarge)
    }
    guard depth + composed.height <= bounds.depth else { throw tooDeep(event) }
    (composed.line, composed.column) = (event.line, event.column)
    return composed
  }

  private mutating func register(
    _ composed: Composed, _ anchor: String?, _ event: YAMLEvent
  ) throws(DocumentError) -> Composed {
    guard let anchor else { return composed }
    anchorCount += 1
    guard anchorCount <= bounds.anchors else {
      throw Self.error("a document may have at most \(bounds.anchors) anchors", event, code: .tooLarge)
    }
    anchors[anchor] = composed
    return composed
  }

  private mutating func enter(_ event: YAMLEvent, _ depth: Int) throws(DocumentError) {
    guard depth < bounds.depth + 1 else { throw tooDeep(event) }
    try spend(1, event, depth)
  }

  private mutating func spend(_ size: Int, _ event: YAMLEvent, _ depth: Int) throws(DocumentError) {
    depthsLeft -= depth
    guard depthsLeft >= 0 else {
      throw Self.error("too much of the text is nested deeply", event, code: .tooLarge)
    }
    sizeLeft -= size
    guard sizeLeft >= 0 else {
      throw Self.error("the document holds more than \(bounds.size) values", event, code: .tooLarge)
    }
  }

  private func tooDeep(_ event: YAMLEvent) -> DocumentError {
    Self.error("the document is nested more than \(bounds.depth) levels deep", event, code: .tooLarge)
  }

  private static func error(
    _ message: String, _ event: YAMLEvent, code: DocumentError.Code = .syntax
  ) -> DocumentError {
    DocumentError(code: code, message: message, line: event.line, column: event.column)
  }

  /// Directives stand at the beginning of a line, whatever ends the line before.
  private static func checkDirectives(_ text: String, limit: Int) throws(DocumentError) {
    // The last bytes of a line feed, a carriage return, the three line ends beyond ASCII, and a byte order mark.
    let ends: Set<UInt8> = [0x0a, 0x0d, 0x85, 0xa8, 0xa9, 0xbf]
    var count = 0
    var previous: UInt8 = 0x0a
    for byte in text.utf8 {
      if byte == UInt8(ascii: "%"), ends.contains(previous) { count += 1 }
      previous = byte
    }
    guard count <= limit else {
      throw DocumentError(code: .tooLarge, message: "more than \(limit) lines of the text begin with \"%\"")
    }
  }
}

extension YAMLComposer {
  private static let coreTag = "tag:yaml.org,2002:"

  /// The value of a scalar by its tag, or by what it looks like if it has none and stands without quotes.
  private static func value(of scalar: YAMLEvent.Scalar, _ event: YAMLEvent) throws(DocumentError) -> DocumentValue {
    let name = scalar.tag.flatMap { $0.hasPrefix(coreTag) ? $0.dropFirst(coreTag.count) : nil }
    // Tags of others tell nothing about how the text is to be read.
    if name == nil, scalar.tag != nil || !scalar.isPlain { return .string(scalar.text) }
    let resolved = YAMLScalar(scalar.text)
    switch (name, resolved) {
    case (nil, .null), ("null", .null): return .null
    case (nil, .bool(let value)), ("bool", .bool(let value)): return .bool(value)
    case (nil, .integer(let value)), ("int", .integer(let value)): return .integer(value)
    case ("float", .integer(let value)): return DocumentValue(number: Double(value))
    case (nil, .number(let value)), ("float", .number(let value)): return DocumentValue(number: value)
    case (nil, .text): return .string(scalar.text)
    case (nil, .outOfRange), ("int", .outOfRange), ("float", .outOfRange):
      throw error(
        "the number \(scalar.text.abridged(to: 40)) is out of range; put it in quotes if it is text", event)
    case (nil, .notFinite), ("float", .notFinite):
      throw error("a number has to be finite; put it in quotes if it is text", event)
    case ("null", _), ("bool", _), ("int", _), ("float", _):
      throw error("\"\(scalar.text.abridged(to: 40))\" is not what its tag !!\(name ?? "") says", event)
    default: return .string(scalar.text)
    }
  }
}
