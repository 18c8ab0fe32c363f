import Foundation
import Glibc
import ProcessSupervisor

/// A headless Chromium with one page, driven as a person would: by keys and a mouse.
public final class Browser: Sendable {
  /// Where one is; `nil` when there is none in PATH.
  public static let executable = ["chromium", "chromium-browser", "google-chrome"].lazy
    .compactMap { ChildProcess.find($0, path: ChildProcess.currentEnvironment["PATH"]) }.first

  private let tools: DevTools
  private let session: String

  private init(tools: DevTools, session: String) {
    self.tools = tools
    self.session = session
  }

  /// Runs a browser for a body.
  ///
  /// - Parameter acceptsAnyCertificate: whether it connects to servers whose certificates nobody it knows has signed.
  public static func run<Value: Sendable>(
    width: Int = 1_440, height: Int = 900, acceptsAnyCertificate: Bool = false,
    _ body: @Sendable (Browser) async throws -> Value
  ) async throws -> Value {
    guard let executable else { throw DevTools.Failure(description: "there is no Chromium in PATH") }
    let folder = FileManager.default.temporaryDirectory.appending(path: "chromium-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    // The browser wants its pipes as the descriptors 3 and 4, which a child does not inherit: named ones, and a shell.
    let pipes = ["commands", "answers"].map { folder.appending(path: $0).path }
    for pipe in pipes { try Self.require(mkfifo(pipe, 0o600) == 0, "\(pipe) cannot be made") }
    let writing = Glibc.open(pipes[0], O_RDWR | O_CLOEXEC)
    // Held open until the browser has ended, so that the end of the pipe is not read before it has begun.
    let holding = Glibc.open(pipes[1], O_RDWR | O_CLOEXEC)
    let reading = Glibc.open(pipes[1], O_RDONLY | O_CLOEXEC)
    try Self.require(writing >= 0 && holding >= 0 && reading >= 0, "the pipes to the browser cannot be opened")
    let flags = [
      "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
      "--hide-scrollbars",
      // A test goes to more pages in ten seconds than a person, and Chromium would leave out what is beyond 200.
      "--disable-ipc-flooding-protection",
      "--disable-background-networking", "--disable-component-update", "--disable-extensions",
      "--user-data-dir=\(folder.appending(path: "profile").path)", "--remote-debugging-pipe",
    ]
    let last = (acceptsAnyCertificate ? ["--ignore-certificate-errors"] : []) + ["about:blank"]
    let start = #"exec "$@" 3<"$COMMANDS" 4>"$ANSWERS""#
    var environment = ChildProcess.currentEnvironment
    environment["COMMANDS"] = pipes[0]
    environment["ANSWERS"] = pipes[1]
    let tools = DevTools(writing: writing, reading: reading)
    let process = try ChildProcess.start(
      ChildProcess.Command(
        "/bin/sh", ["-c", start, "sh", executable] + flags + last, environment: environment, output: .discard,
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
    let target = try await tools.send("Target.createTarget", ["url": "about:blank"])["targetId"] as? String ?? ""
    let session =
      try await tools.send("Target.attachToTarget", ["targetId": target, "flatten": true])["sessionId"] as? String
    guard let session else { throw DevTools.Failure(description: "the browser has no page") }
    let browser = Browser(tools: tools, session: session)
    for domain in ["Page", "Runtime", "Log"] { try await browser.send("\(domain).enable") }
    return browser
  }

  /// Whether pages may do what their content security policy forbids, from the next page on.
  public func ignorePolicies(_ isIgnored: Bool) async throws {
    try await send("Page.setBypassCSP", ["enabled": isIgnored])
  }

  @discardableResult
  func send(_ method: String, _ parameters: [String: any Sendable] = [:]) async throws -> [String: Any] {
    try await tools.send(method, parameters, session: session)
  }

  // MARK: Where it is

  /// How wide everything is, in points.
  public func contentWidth() async throws -> Double { try await number("document.documentElement.scrollWidth") }

  /// Goes to an address; it may still be loading afterwards.
  public func open(_ address: String) async throws {
    let answer = try await send("Page.navigate", ["url": address])
    if let error = answer["errorText"] { throw DevTools.Failure(description: "\(address): \(error)") }
    try await wait("document.readyState === 'complete'")
  }

  /// As the buttons of a browser do.
  public func goBack() async throws { try await evaluate("history.back()") }
  /// The other way.
  public func goForward() async throws { try await evaluate("history.forward()") }

  /// Path and query of the present address.
  public func address() async throws -> String { try await text("location.pathname + location.search") }

  /// Changes the window and the theme.
  public func resize(width: Int, height: Int, isDark: Bool = false, isStill: Bool = true) async throws {
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
  public func evaluate(_ expression: String) async throws -> Any? {
    let answer = try await send(
      "Runtime.evaluate", ["expression": expression, "returnByValue": true, "awaitPromise": true])
    if let failure = answer["exceptionDetails"] {
      throw DevTools.Failure(description: "\(expression): \(failure)")
    }
    return (answer["result"] as? [String: Any])?["value"]
  }

  /// The value of an expression that is a text; empty if it is none.
  public func text(_ expression: String) async throws -> String { try await evaluate(expression) as? String ?? "" }
  /// The value of an expression that is a number.
  public func number(_ expression: String) async throws -> Double { try await evaluate(expression) as? Double ?? .nan }
  /// The value of an expression that is a list of texts.
  public func texts(_ expression: String) async throws -> [String] { try await evaluate(expression) as? [String] ?? [] }
  /// Whether an expression is true.
  public func isTrue(_ expression: String) async throws -> Bool { try await evaluate(expression) as? Bool ?? false }

  /// The text of each element, its white space as one blank.
  public func texts(of selector: String) async throws -> [String] {
    try await texts(
      "[...document.querySelectorAll(\(Self.quoted(selector)))].map((node) => (node.innerText ?? node.textContent).trim().replace(/\\s+/g, ' '))"
    )
  }

  /// Polls a condition; what stands in the page is the message if it does not come true.
  public func wait(_ condition: String) async throws {
    let deadline = ContinuousClock.now.advanced(by: .seconds(180))
    while ContinuousClock.now < deadline {
      if try await isTrue("Boolean(\(condition))") { return }
      try await Task.sleep(for: .milliseconds(25))
    }
    let seen = try await text("document.body.innerText.slice(0, 800)")
    throw DevTools.Failure(description: "\(condition) did not come true; the page says: \(seen); \(console)")
  }

  /// Waits for an element.
  public func wait(for selector: String) async throws {
    try await wait("document.querySelector(\(Self.quoted(selector)))")
  }

  /// What the page and the browser wrote to the console: warnings, errors, violations of the policy.
  public var console: [String] {
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

  static func require(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws {
    guard condition else { throw DevTools.Failure(description: otherwise()) }
  }

  /// A text as JavaScript writes it.
  public static func quoted(_ text: String) -> String {
    let data = try? JSONSerialization.data(withJSONObject: text, options: .fragmentsAllowed)
    return String(decoding: data ?? Data("\"\"".utf8), as: UTF8.self)
  }
}
