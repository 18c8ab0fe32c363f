import Foundation
import ProcessSupervisor
import Synchronization
import Testing

/// A headless Chromium that opens one address.
struct Browser {
  /// What a visit gave.
  struct Visit: Sendable {
    /// The page as it was in the end.
    let dom: String
    /// What the page and the browser wrote to the console: warnings, errors, violations of the policy.
    let console: [String]

    /// The text of the page, without its tags and with the characters that HTML escapes put back.
    var text: String {
      dom.replacing(/<[^>]*>/, with: " ").replacing("&lt;", with: "<").replacing("&gt;", with: ">")
        .replacing("&quot;", with: "\"").replacing("&nbsp;", with: " ").replacing("&amp;", with: "&")
    }
  }

  static let executable = ["chromium", "chromium-browser", "google-chrome"].lazy
    .compactMap { ChildProcess.find($0, path: ChildProcess.currentEnvironment["PATH"]) }.first

  /// Opens an address and gives what is there when its requests and timers have come to rest.
  static func open(_ address: String, width: Int = 1_440, height: Int = 900) async throws -> Visit {
    let lines = try await run(["--dump-dom", "--window-size=\(width),\(height)", address])
    // Lines come in pieces of 64 KiB.
    let dom = lines.output.reduce(into: "") { $0 += $1 + ($1.utf8.count < 64 * 1_024 ? "\n" : "") }
    return Visit(dom: dom, console: lines.errors.filter(isConsole))
  }

  /// Takes a picture of an address and gives the console.
  static func picture(
    of address: String, to file: String, width: Int, height: Int, isDark: Bool
  ) async throws -> [String] {
    let arguments = ["--screenshot=\(file)", "--hide-scrollbars", "--window-size=\(width),\(height)"]
    let theme = isDark ? ["--blink-settings=preferredColorScheme=0"] : []
    return try await run(arguments + theme + [address]).errors.filter(isConsole)
  }

  private static func isConsole(_ line: String) -> Bool {
    line.contains(":CONSOLE") || line.contains("Content Security Policy") || line.contains("Uncaught")
  }

  private static func run(_ arguments: [String]) async throws -> (output: [String], errors: [String]) {
    let profile = FileManager.default.temporaryDirectory.appending(path: "chromium-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: profile) }
    let output = Lines()
    let errors = Lines()
    let flags = [
      "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-extensions",
      "--user-data-dir=\(profile.path)", "--enable-logging=stderr", "--virtual-time-budget=2500",
    ]
    let process = try ChildProcess.start(
      ChildProcess.Command(
        try #require(executable), flags + arguments, output: .lines { output.add($0) },
        errors: .lines { errors.add($0) }))
    let status = await process.end(within: .seconds(60))
    #expect(status == .exited(0), "the browser ended with \(status): \(errors.all.suffix(5))")
    return (output.all, errors.all)
  }

  private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func add(_ line: String) { lines.withLock { $0.append(line) } }
  }
}
