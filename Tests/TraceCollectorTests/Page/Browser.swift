import Foundation
import Glibc
import MeshTestSupport
import ProcessSupervisor
import Synchronization
import Testing

/// A headless Chromium with one page, driven as a person would: by keys and a mouse.
final class Browser: Sendable {
  static let executable = ["chromium", "chromium-browser", "google-chrome"].lazy
    .compactMap { ChildProcess.find($0, path: ChildProcess.currentEnvironment["PATH"]) }.first

  private let tools: DevTools
  private let session: String

  private init(tools: DevTools, session: String) {
    self.tools = tools
    self.session = session
  }

  /// Runs a browser for a body.
  static func run<Value: Sendable>(
    width: Int = 1_440, height: Int = 900, _ body: @Sendable (Browser) async throws -> Value
  ) async throws -> Value {
    let folder = FileManager.default.temporaryDirectory.appending(path: "chromium-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    // The browser wants its pipes as the descriptors 3 and 4, which a child does not inherit: named ones, and a shell.
    let pipes = ["commands", "answers"].map { folder.appending(path: $0).path }
    for pipe in pipes { try #require(mkfifo(pipe, 0o600) == 0) }
    let writing = Glibc.open(pipes[0], O_RDWR | O_CLOEXEC)
    // Held open until the browser has ended, so that the end of the pipe is not read before it has begun.
    let holding = Glibc.open(pipes[1], O_RDWR | O_CLOEXEC)
    let reading = Glibc.open(pipes[1], O_RDONLY | O_CLOEXEC)
    try #require(writing >= 0 && holding >= 0 && reading >= 0)
    let flags = [
      "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
      "--hide-scrollbars",
      "--disable-background-networking", "--disable-component-update", "--disable-extensions",
      "--user-data-dir=\(folder.appending(path: "profile").path)", "--remote-debugging-pipe", "about:blank",
    ]
    let start = #"exec "$@" 3<"$COMMANDS" 4>"$ANSWERS""#
    var environment = ChildProcess.currentEnvironment
    environment["COMMANDS"] = pipes[0]
    environment["ANSWERS"] = pipes[1]
    let tools = DevTools(writing: writing, reading: reading)
    let process = try ChildProcess.start(
      ChildProcess.Command(
        "/bin/sh", ["-c", start, "sh", try #require(executable)] + flags, environment: environment, output: .discard,
        errors: .discard),
      onExit: { _ in
        Glibc.close(holding)
        tools.close()
      })
    let result: Result<Value, any Error>
    do {
      let browser = try await connect(tools)
      try await browser.resize(width: width, height: height)
      result = .success(try await body(browser))
    } catch {
      result = .failure(error)
    }
    await process.terminate(grace: .seconds(5))
    return try result.get()
  }

  private static func connect(_ tools: DevTools) async throws -> Browser {
    let target = try #require(
      try await tools.send("Target.createTarget", ["url": "about:blank"])["targetId"] as? String)
    let session = try #require(
      try await tools.send("Target.attachToTarget", ["targetId": target, "flatten": true])["sessionId"] as? String)
    let browser = Browser(tools: tools, session: session)
    for domain in ["Page", "Runtime", "Log"] { try await browser.send("\(domain).enable") }
    return browser
  }

  @discardableResult
  private func send(_ method: String, _ parameters: [String: any Sendable] = [:]) async throws -> [String: Any] {
    try await tools.send(method, parameters, session: session)
  }

  // MARK: Where it is

  /// How wide everything is, in points.
  func contentWidth() async throws -> Double { try await number("document.documentElement.scrollWidth") }

  /// Goes to an address; it may still be loading afterwards.
  func open(_ address: String) async throws {
    let answer = try await send("Page.navigate", ["url": address])
    if let error = answer["errorText"] { throw DevTools.Failure(description: "\(address): \(error)") }
    try await wait("document.readyState === 'complete'")
  }

  /// As the buttons of a browser do.
  func goBack() async throws { try await evaluate("history.back()") }
  func goForward() async throws { try await evaluate("history.forward()") }

  /// Path and query of the present address.
  func address() async throws -> String { try await text("location.pathname + location.search") }

  /// Changes the window and the theme.
  func resize(width: Int, height: Int, isDark: Bool = false, isStill: Bool = true) async throws {
    try await send(
      "Emulation.setDeviceMetricsOverride",
      ["width": width, "height": height, "deviceScaleFactor": 1, "mobile": false])
    let features = [
      ["name": "prefers-color-scheme", "value": isDark ? "dark" : "light"],
      ["name": "prefers-reduced-motion", "value": isStill ? "reduce" : "no-preference"],
    ]
    try await send("Emulation.setEmulatedMedia", ["features": features])
  }

  // MARK: What is there

  /// The value of an expression, as JSON has it.
  @discardableResult
  func evaluate(_ expression: String) async throws -> Any? {
    let answer = try await send(
      "Runtime.evaluate", ["expression": expression, "returnByValue": true, "awaitPromise": true])
    if let failure = answer["exceptionDetails"] {
      throw DevTools.Failure(description: "\(expression): \(failure)")
    }
    return (answer["result"] as? [String: Any])?["value"]
  }

  func text(_ expression: String) async throws -> String { try await evaluate(expression) as? String ?? "" }
  func number(_ expression: String) async throws -> Double { try await evaluate(expression) as? Double ?? .nan }
  func texts(_ expression: String) async throws -> [String] { try await evaluate(expression) as? [String] ?? [] }
  func isTrue(_ expression: String) async throws -> Bool { try await evaluate(expression) as? Bool ?? false }

  /// The text of each element, its white space as one blank.
  func texts(of selector: String) async throws -> [String] {
    try await texts(
      "[...document.querySelectorAll(\(Self.quoted(selector)))].map((node) => (node.innerText ?? node.textContent).trim().replace(/\\s+/g, ' '))"
    )
  }

  /// Polls a condition; what stands in the page is the message if it does not come true.
  func wait(_ condition: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let deadline = ContinuousClock.now.advanced(by: .seconds(30))
    while ContinuousClock.now < deadline {
      if try await isTrue("Boolean(\(condition))") { return }
      try await Task.sleep(for: .milliseconds(25))
    }
    let seen = try await text("document.body.innerText.slice(0, 800)")
    Issue.record("\(condition) did not come true; the page says: \(seen); \(console)", sourceLocation: sourceLocation)
    throw DevTools.Failure(description: condition)
  }

  /// Waits for an element.
  func wait(for selector: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    try await wait("document.querySelector(\(Self.quoted(selector)))", sourceLocation: sourceLocation)
  }

  /// What the page and the browser wrote to the console: warnings, errors, violations of the policy.
  var console: [String] {
    tools.events.compactMap { message in
      let object = message.object
      let details = object["params"] as? [String: Any] ?? [:]
      switch object["method"] as? String {
      case "Runtime.exceptionThrown": return "exception: \(details["exceptionDetails"] ?? "")"
      case "Log.entryAdded":
        let entry = details["entry"] as? [String: Any] ?? [:]
        return "\(entry["level"] ?? ""): \(entry["text"] ?? "") \(entry["url"] ?? "")"
      case "Runtime.consoleAPICalled": return "console: \(details["args"] ?? "")"
      case "Page.javascriptDialogOpening": return "dialog: \(details["message"] ?? "")"
      default: return nil
      }
    }
  }

  // MARK: What a person does

  /// Presses the mouse on the middle of an element.
  func click(_ selector: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    try await wait(for: selector, sourceLocation: sourceLocation)
    let point =
      try await evaluate(
        """
        (() => { const node = document.querySelector(\(Self.quoted(selector)));
          node.scrollIntoView({ block: "nearest" });
          const box = node.getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2]; })()
        """) as? [Double] ?? []
    try #require(point.count == 2)
    try await mouse("mouseMoved", point[0], point[1])
    try await mouse("mousePressed", point[0], point[1])
    try await mouse("mouseReleased", point[0], point[1])
  }

  /// Moves the mouse over the middle of an element.
  func hover(_ selector: String) async throws {
    try await wait(for: selector)
    let point =
      try await evaluate(
        """
        (() => { const box = document.querySelector(\(Self.quoted(selector))).getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2]; })()
        """) as? [Double] ?? []
    try #require(point.count == 2)
    try await mouse("mouseMoved", point[0], point[1])
  }

  /// Drags the mouse within an element, between two places as parts of its width and height.
  func drag(_ selector: String, from: (x: Double, y: Double), to: (x: Double, y: Double)) async throws {
    try await wait(for: selector)
    let box =
      try await evaluate(
        """
        (() => { const box = document.querySelector(\(Self.quoted(selector))).getBoundingClientRect();
          return [box.x, box.y, box.width, box.height]; })()
        """) as? [Double] ?? []
    try #require(box.count == 4)
    func place(_ part: (x: Double, y: Double)) -> (Double, Double) {
      (box[0] + box[2] * part.x, box[1] + box[3] * part.y)
    }
    let (start, end) = (place(from), place(to))
    try await mouse("mouseMoved", start.0, start.1)
    try await mouse("mousePressed", start.0, start.1)
    for step in [0.3, 0.7, 1] {
      try await mouse(
        "mouseMoved", start.0 + (end.0 - start.0) * step, start.1 + (end.1 - start.1) * step, isDown: true)
    }
    try await mouse("mouseReleased", end.0, end.1)
  }

  private func mouse(_ type: String, _ x: Double, _ y: Double, isDown: Bool = false) async throws {
    let button = type == "mouseMoved" && !isDown ? "none" : "left"
    try await send(
      "Input.dispatchMouseEvent",
      [
        "type": type, "x": x, "y": y, "button": button, "buttons": isDown || type == "mousePressed" ? 1 : 0,
        "clickCount": 1,
      ])
  }

  /// Presses keys one after the other: characters, or names such as `Enter`.
  func press(_ keys: String..., modifiers: Int = 0) async throws {
    let codes = [
      "Enter": 13, "Escape": 27, "Tab": 9, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40,
    ]
    for key in keys {
      var event: [String: any Sendable] = ["key": key, "modifiers": modifiers]
      if let code = codes[key] { event["windowsVirtualKeyCode"] = code }
      if key.count == 1 { event["text"] = key } else if key == "Enter" { event["text"] = "\r" }
      try await send("Input.dispatchKeyEvent", event.merging(["type": "keyDown"]) { $1 })
      try await send("Input.dispatchKeyEvent", ["type": "keyUp", "key": key])
    }
  }

  /// Types text into what has the focus.
  func type(_ text: String) async throws { try await send("Input.insertText", ["text": text]) }

  /// Takes a picture of what is in sight.
  func picture(_ file: String) async throws {
    let answer = try await send("Page.captureScreenshot", ["format": "png"])
    let data = try #require((answer["data"] as? String).flatMap { Data(base64Encoded: $0) })
    try data.write(to: URL(filePath: file))
  }

  static func quoted(_ text: String) -> String {
    let data = try? JSONSerialization.data(withJSONObject: text, options: .fragmentsAllowed)
    return String(decoding: data ?? Data("\"\"".utf8), as: UTF8.self)
  }
}
