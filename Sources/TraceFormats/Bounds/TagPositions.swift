import TraceModel

/// Sets the tags of a span, of which the last value of a key counts. However many there are, each takes about the same time.
struct TagPositions {
  /// The positions of tags by the hashes of their keys, once there are more than a few.
  private var positions: [UInt64: Int] = [:]
  /// Below this many, looking at each is quicker than hashing.
  private static let plainSearch = 16

  /// Sets a tag. The caller clears the list for each span, and changes it in no other way.
  ///
  /// - Parameter bytes: the bytes of all texts.
  mutating func set(_ tag: TagDraft, in tags: inout [TagDraft], _ bytes: UnsafeRawBufferPointer) {
    func isEqual(_ other: TagDraft) -> Bool {
      other.keyHash == tag.keyHash
        && (other.key.start == tag.key.start || other.key.of(bytes).isEqual(to: tag.key.of(bytes)))
    }
    var position: Int?
    if tags.count < Self.plainSearch {
      position = tags.firstIndex(where: isEqual)
    } else {
      if tags.count == Self.plainSearch {
        positions.removeAll(keepingCapacity: true)
        for (index, tag) in tags.enumerated() { positions[tag.keyHash] = index }
      }
      if let known = positions[tag.keyHash] {
        // Two keys with one hash are rare.
        position = isEqual(tags[known]) ? known : tags.firstIndex(where: isEqual)
      } else {
        positions[tag.keyHash] = tags.count
      }
    }
    if let position { tags[position] = tag } else { tags.append(tag) }
  }
}
