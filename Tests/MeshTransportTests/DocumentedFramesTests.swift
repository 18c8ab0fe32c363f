import Foundation
import Testing

@testable import HTTPService
@testable import MeshTransport

/// docs/servers.md says the limits of frames as they are in force.
@Suite("Documented limits of frames")
struct DocumentedFramesTests {
  private static func words(_ allowance: Allowance) -> String {
    let rate = allowance.perSecond
    return "\(allowance.burst) | \(rate >= 1 ? "\(Int(rate)) a second" : "one in \(Int(1 / rate)) s")"
  }

  static let rows: [String] = [
    "| RST_STREAM | \(words(FrameLimits.resets)) |",
    "| PING | \(words(FrameLimits.pings)) |",
    "| SETTINGS | \(words(FrameLimits.settings)) |",
    "| answers to PING and SETTINGS that the server did not send | \(words(FrameLimits.answers)) |",
    "| PRIORITY | \(words(FrameLimits.priorities)) |",
    "| WINDOW_UPDATE | \(words(FrameLimits.windowUpdates)), and \(FrameLimits.updatesPerWindow) for each "
      + "\(FrameLimits.bytesPerUpdates) bytes that the server sends |",
    "| frames of other types | \(words(FrameLimits.extensions)) |",
    "| requests | \(words(FrameLimits.openings)) |",
    "| streams that the server ends because of errors | \(words(FrameLimits.streamErrors)) |",
    "| CONTINUATION | \(FrameLimits.continuations) in a header block, which has "
      + "\(FrameLimits.headerBlockBytes / 1_000),\(FrameLimits.headerBlockBytes % 1_000) bytes at most | |",
    "| DATA without content | \(FrameLimits.emptyData) in a request | |",
    "| streams | \(DataplaneServer.Limits().streamsPerConnection) at a time | |",
    "\(DiscoveryService.requests.burst) requests are read at once and \(Int(DiscoveryService.requests.perSecond)) a second",
  ]

  @Test("each number in the documentation is that of the code", arguments: rows)
  func row(_ row: String) throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: "docs/servers.md"), encoding: .utf8)
    #expect(text.contains(row))
  }
}
