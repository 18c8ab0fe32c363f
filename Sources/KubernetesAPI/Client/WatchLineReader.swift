import Documents
import NIOCore
import OrderedCollections

/// Takes the body of a watch apart: one JSON object a line, one event an object.
struct WatchLineReader {
  /// What stops the reading.
  enum Stop: Error {
    /// The server has ended the watch with an `ERROR` event.
    case error(StatusReply)
    /// The body is not what a watch sends.
    case unreadable(String)
  }

  /// The longest line, in bytes.
  private let limit: Int
  private let kind: KubernetesKind
  private var pending: [UInt8] = []

  init(_ kind: KubernetesKind, limit: Int) {
    self.kind = kind
    self.limit = limit
  }

  /// Whether a line has begun that has not ended.
  var isWithinLine: Bool { pending.contains { $0 != 0x0A && $0 != 0x0D && $0 != 0x20 } }

  /// Takes the next bytes.
  ///
  /// - Parameter events: gets the events of the lines that are whole now, in order, also those before a failure.
  mutating func take(_ bytes: some Sequence<UInt8>, into events: inout [WatchEvent]) throws(Stop) {
    var start = pending.count
    pending += bytes
    var begin = 0
    while let end = pending[start...].firstIndex(of: 0x0A) {
      let line = pending[begin..<end]
      begin = end + 1
      start = begin
      guard line.count <= limit else { throw tooLong }
      if line.contains(where: { $0 != 0x0D && $0 != 0x20 }) { events.append(try event(line)) }
    }
    pending.removeFirst(begin)
    guard pending.count <= limit else { throw tooLong }
  }

  private var tooLong: Stop { .unreadable("an event is longer than \(limit) bytes") }

  private func event(_ line: ArraySlice<UInt8>) throws(Stop) -> WatchEvent {
    let document: DocumentValue
    do throws(DocumentError) { document = try DocumentValue(json: line) } catch {
      throw .unreadable("an event is not JSON: \(error.message.printable(atMost: 200))")
    }
    guard let type = document["type"]?.string, let object = document["object"] else {
      throw .unreadable("an event has no type or no object")
    }
    if type == "ERROR" { throw .error(StatusReply(event: object)) }
    guard let fields = object.object else { throw .unreadable("the object of an event is not an object") }
    let item = KubernetesObject(fields).completed(kind)
    switch type {
    case "ADDED": return .added(item)
    case "MODIFIED": return .modified(item)
    case "DELETED": return .deleted(item)
    case "BOOKMARK": return .bookmark(resourceVersion: item.resourceVersion)
    default: throw .unreadable("an event has the unknown type \(type.quoted.printable(atMost: 100))")
    }
  }
}

extension KubernetesObject {
  /// The object with the fields that the API server leaves out in lists.
  func completed(_ kind: KubernetesKind) -> KubernetesObject {
    guard document["apiVersion"] == nil || document["kind"] == nil else { return self }
    var object = self
    object["apiVersion"] = object["apiVersion"] ?? .string(kind.apiVersion)
    object["kind"] = object["kind"] ?? .string(kind.kind)
    return object
  }
}
