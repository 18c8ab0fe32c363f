import HTTPService
import MeshModel

/// The requested part of a list. Source: Kuma 2.7.
struct Page: Sendable, Equatable {
  /// How many items; `nil` for all of them.
  var size: Int?
  /// The first item.
  var offset: Int

  /// The default number of items on a page.
  static let defaultSize = 100
  /// The maximum number of items on a page.
  static let maximumSize = 1000

  /// Parses `size` and `offset`.
  init(_ query: QueryParameters) throws(APIError) {
    let title = APIContext.Title.retrieveList
    var size = Self.defaultSize
    if let text = query.first("size"), !text.isEmpty {
      func refusal(_ message: String) -> APIError {
        .invalid([Violation(field: "size", message: message)], title: title, detail: "Invalid page size")
      }
      guard let number = Int(text) else { throw refusal("invalid format") }
      guard number <= Self.maximumSize else {
        throw refusal("invalid page size of \(number). Maximum page size is \(Self.maximumSize)")
      }
      size = number
    }
    var offset = 0
    if let text = query.first("offset"), !text.isEmpty {
      guard let number = Int(text), number >= 0 else {
        throw .invalid(
          [Violation(field: "offset", message: "Invalid format")], title: title, detail: "Invalid offset")
      }
      offset = number
    }
    self.size = size == 0 ? nil : size
    self.offset = size == 0 ? 0 : offset
  }

  /// The items on the page, and the offset of the next page if there is one. A negative size gives no items and a next page
  /// before this one, as in Kuma.
  func slice<Item>(_ items: [Item]) -> (items: ArraySlice<Item>, next: Int?) {
    guard let size else { return (items[...], nil) }
    let (end, overflow) = offset.addingReportingOverflow(size)
    let start = min(offset, items.count)
    let stop = min(max(overflow ? Int.max : end, start), items.count)
    return (items[start..<stop], !overflow && end < items.count ? end : nil)
  }
}

extension RoutedRequest {
  /// A parameter that is `true` or `false`, or absent.
  func flag(_ name: String, title: String = APIContext.Title.retrieveList) throws(APIError) -> Bool {
    switch query[name] {
    case nil, "false": return false
    case "true": return true
    case .some(let text):
      throw .invalid([Violation(field: name, message: "must be true or false, not \(text.quoted)")], title: title)
    }
  }

  /// Refuses parameters that cannot be decoded. Kuma's own lists ignore them; a filter that is ignored shows what nobody asked for.
  func checkDecoding() throws(APIError) {
    guard let pair = query.omitted.first else { return }
    throw .invalid(
      [
        Violation(
          field: String(pair.prefix { $0 != "=" }),
          message: "\(pair.quoted) cannot be decoded: write the bytes of UTF-8 as %XX, and a semicolon as %3B")
      ], title: APIContext.Title.retrieveList)
  }

  /// The link to another page of the same list.
  func link(offset: Int) -> String {
    "\(head.base)\(PercentCoding.encode(path: path))?\(query.encoded(setting: "offset", to: String(offset)))"
  }

  /// A list: one page of its items, with the count of all and the link to the next page.
  func listResponse<Item>(_ items: [Item], _ document: (Item) -> DocumentValue) throws(APIError) -> Answer {
    let (page, next) = try Page(query).slice(items)
    return .json([
      "total": .integer(Int64(items.count)), "items": .array(page.map(document)),
      "next": next.map { .string(link(offset: $0)) } ?? .null,
    ])
  }
}
