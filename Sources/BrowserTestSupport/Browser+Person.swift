import Foundation

extension Browser {
  /// Presses the mouse on the middle of an element.
  public func click(_ selector: String) async throws {
    try await wait(for: selector)
    let point =
      try await evaluate(
        """
        (() => { const node = document.querySelector(\(Self.quoted(selector)));
          node.scrollIntoView({ block: "nearest" });
          const box = node.getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2]; })()
        """) as? [Double] ?? []
    try Self.require(point.count == 2, "\(selector) has no place")
    try await mouse("mouseMoved", point[0], point[1])
    try await mouse("mousePressed", point[0], point[1])
    try await mouse("mouseReleased", point[0], point[1])
  }

  /// Moves the mouse over the middle of an element.
  public func hover(_ selector: String) async throws {
    try await wait(for: selector)
    let point =
      try await evaluate(
        """
        (() => { const box = document.querySelector(\(Self.quoted(selector))).getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2]; })()
        """) as? [Double] ?? []
    try Self.require(point.count == 2, "\(selector) has no place")
    try await mouse("mouseMoved", point[0], point[1])
  }

  /// Drags the mouse within an element, between two places as parts of its width and height.
  public func drag(_ selector: String, from: (x: Double, y: Double), to: (x: Double, y: Double)) async throws {
    try await wait(for: selector)
    let box =
      try await evaluate(
        """
        (() => { const box = document.querySelector(\(Self.quoted(selector))).getBoundingClientRect();
          return [box.x, box.y, box.width, box.height]; })()
        """) as? [Double] ?? []
    try Self.require(box.count == 4, "\(selector) has no place")
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

  /// Where an element is: left, top, width and height in the window; empty if there is none.
  public func box(_ selector: String) async throws -> [Double] {
    try await evaluate(
      """
      (() => { const box = document.querySelector(\(Self.quoted(selector)))?.getBoundingClientRect();
        return box ? [box.x, box.y, box.width, box.height] : []; })()
      """) as? [Double] ?? []
  }

  /// Moves the mouse to a place in the window, pressed or not.
  public func move(to x: Double, _ y: Double, isDown: Bool = false) async throws {
    try await mouse("mouseMoved", x, y, isDown: isDown)
  }

  /// Presses the mouse at a place and keeps it pressed.
  public func hold(at x: Double, _ y: Double) async throws { try await mouse("mousePressed", x, y) }

  /// Lets go of the mouse at a place.
  public func release(at x: Double, _ y: Double) async throws { try await mouse("mouseReleased", x, y) }

  /// Lets a file fall on the page.
  public func drop(_ content: String, name: String) async throws {
    try await evaluate(
      """
      (() => { const data = new DataTransfer();
        data.items.add(new File([\(Self.quoted(content))], \(Self.quoted(name))));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })); })()
      """)
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
  public func press(_ keys: String..., modifiers: Int = 0) async throws {
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
  public func type(_ text: String) async throws { try await send("Input.insertText", ["text": text]) }

  /// Takes a picture of what is in sight.
  public func picture(_ file: String) async throws {
    let answer = try await send("Page.captureScreenshot", ["format": "png"])
    let data = (answer["data"] as? String).flatMap { Data(base64Encoded: $0) }
    guard let data else { throw DevTools.Failure(description: "the picture \(file) did not come") }
    try data.write(to: URL(filePath: file))
  }
}
