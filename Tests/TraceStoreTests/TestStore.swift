import Foundation
import TestSupport
import TraceTestSupport

@testable import TraceModel
@testable import TraceStore

/// A store on a database of its own, which is removed at the end.
final class TestStore {
  private let folder: TemporaryFolder
  let settings: SegmentStore.Settings
  let store: SegmentStore

  var path: String { folder.file("spans.db") }

  /// - Parameter original: the database of which it uses a copy; nil for an empty one.
  init(copyOf original: URL? = nil, _ change: (inout SegmentStore.Settings) -> Void = { _ in }) throws {
    folder = try TemporaryFolder()
    if let original { try FileManager.default.copyItem(atPath: original.path, toPath: folder.file("spans.db")) }
    var settings = SegmentStore.Settings()
    settings.clock = WallClock { SampleSpans.now }
    change(&settings)
    self.settings = settings
    store = try SegmentStore(path: folder.file("spans.db"), settings: settings)
  }

  deinit { try? store.close() }

  /// Opens the file again, after closing it.
  func reopened() throws -> SegmentStore {
    try store.close()
    return try SegmentStore(path: path, settings: settings)
  }
}
