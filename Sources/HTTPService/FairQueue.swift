/// A queue in which clients take turns: each has a line of its own, and the next element is that of the client whose turn was longest ago.
/// To add and to take costs the same, however many clients there are.
struct FairQueue<Client: Hashable & Sendable, Element> {
  /// Elements of which the first ``behind`` have been taken.
  private struct Line<Item> {
    private var items: [Item] = []
    private var behind = 0

    var isEmpty: Bool { behind == items.count }

    mutating func add(_ item: Item) { items.append(item) }

    mutating func take() -> Item? {
      guard behind < items.count else { return nil }
      let item = items[behind]
      behind += 1
      // Releases what is behind once it is half of all.
      if behind == items.count || (behind >= 32 && behind * 2 >= items.count) {
        items.removeFirst(behind)
        behind = 0
      }
      return item
    }
  }

  private var lines: [Client: Line<Element>] = [:]
  /// The clients with elements, in the order of their turns.
  private var turns = Line<Client>()

  /// The number of elements.
  private(set) var count = 0

  /// Adds an element to the end of a client's line.
  mutating func add(_ element: Element, of client: Client) {
    count += 1
    if lines[client] == nil { turns.add(client) }
    lines[client, default: Line()].add(element)
  }

  /// Takes the first element of the client whose turn it is; nil if there is none.
  mutating func next() -> Element? {
    guard let client = turns.take(), let element = lines[client]?.take() else { return nil }
    count -= 1
    if lines[client]?.isEmpty == true { lines[client] = nil } else { turns.add(client) }
    return element
  }
}
