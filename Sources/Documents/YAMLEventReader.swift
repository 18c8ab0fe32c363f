internal import CYaml

/// A step of a YAML text, with the place where it begins.
struct YAMLEvent {
  /// What the step is.
  enum Content {
    case streamStart
    case streamEnd
    case documentStart
    case documentEnd
    /// A value that was given a name before.
    case alias(String)
    case scalar(Scalar)
    case sequenceStart(anchor: String?)
    case mappingStart(anchor: String?)
    /// The end of the innermost list or object.
    case end
  }

  /// Text and how it was written.
  struct Scalar {
    var text: String
    var anchor: String?
    /// The tag that is written, such as `tag:yaml.org,2002:str`; `!` for text without doubt.
    var tag: String?
    /// Whether the text stands without quotes, and is no block.
    var isPlain: Bool
  }

  var content: Content
  /// The line, from 1.
  var line: Int
  /// The column, from 1.
  var column: Int
}

/// The steps of a YAML text, one by one, from the C library inside Yams.
///
/// Yams itself composes, compares and hashes a whole document before it returns it, which takes time without a bound for
/// documents made for it. Here the reader sees each step before anything is built.
final class YAMLEventReader {
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let bytes: UnsafeMutableBufferPointer<UInt8>

  /// Prepares to read.
  ///
  /// - Throws: ``DocumentError`` when there is no memory for it.
  init(_ text: String) throws(DocumentError) {
    bytes = .allocate(capacity: text.utf8.count)
    _ = bytes.initialize(from: text.utf8)
    parser = .allocate(capacity: 1)
    parser.initialize(to: yaml_parser_t())
    guard yaml_parser_initialize(parser) == 1 else {
      throw DocumentError(code: .tooLarge, message: "there is not enough memory to read the document")
    }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    // Of an empty text there is no address.
    guard let start = bytes.baseAddress else { return }
    yaml_parser_set_input_string(parser, start, bytes.count)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
    bytes.deallocate()
  }

  /// The next step.
  ///
  /// - Throws: ``DocumentError`` with line and column when the text is no YAML. Nothing may be read after that.
  func next() throws(DocumentError) -> YAMLEvent {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { throw failure }
    defer { yaml_event_delete(&event) }
    return YAMLEvent(
      content: Self.content(of: event), line: Int(event.start_mark.line) + 1, column: Int(event.start_mark.column) + 1)
  }

  private static func content(of event: yaml_event_t) -> YAMLEvent.Content {
    switch event.type {
    case YAML_STREAM_START_EVENT: return .streamStart
    case YAML_DOCUMENT_START_EVENT: return .documentStart
    case YAML_DOCUMENT_END_EVENT: return .documentEnd
    case YAML_ALIAS_EVENT: return .alias(text(event.data.alias.anchor) ?? "")
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      return .scalar(
        YAMLEvent.Scalar(
          text: String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self),
          anchor: text(scalar.anchor), tag: text(scalar.tag), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE))
    case YAML_SEQUENCE_START_EVENT: return .sequenceStart(anchor: text(event.data.sequence_start.anchor))
    case YAML_MAPPING_START_EVENT: return .mappingStart(anchor: text(event.data.mapping_start.anchor))
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: return .end
    default: return .streamEnd
    }
  }

  private static func text(_ pointer: UnsafePointer<UInt8>?) -> String? { pointer.map { String(cString: $0) } }

  private var failure: DocumentError {
    let problem = parser.pointee.problem.map { String(cString: $0) } ?? "the YAML document cannot be read"
    switch parser.pointee.error {
    case YAML_MEMORY_ERROR:
      return DocumentError(code: .tooLarge, message: "there is not enough memory to read the document")
    case YAML_READER_ERROR:
      return DocumentError(code: .syntax, message: "\(problem) at byte \(parser.pointee.problem_offset)")
    default:
      let mark = parser.pointee.problem_mark
      // The library looks ahead, and has a bound of its own on that. Its advice is for programmers.
      let isTooDeep = problem.hasPrefix("Maximum nesting level")
      return DocumentError(
        code: isTooDeep ? .tooLarge : .syntax, message: isTooDeep ? "the document is nested too deeply" : problem,
        line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }
  }
}
