import BrowserTestSupport
import Foundation
import TestSupport
import Testing

@testable import TraceModel
@testable import TraceStore

extension PageInBrowser {
  /// The list while traces come.
  @Suite struct LiveList {
    /// A trace of one span that began now.
    private static func one(_ number: UInt64, service: String = "web") -> Span {
      Span(
        traceID: TraceID(low: 0xABC_0000 + number), id: 1, kind: .server, name: "get /\(number)",
        timestamp: WallClock.system.milliseconds() * 1_000 - 5_000, duration: Int64(1_000 + number),
        localEndpoint: Endpoint(serviceName: service))
    }

    private static let first = (0..<20).map { number in
      var span = one(UInt64(number))
      span.timestamp -= Int64(number + 1) * 1_000_000
      return span
    }

    private static let newer = "document.querySelector('.newer:not([hidden])')?.innerText"
    private static let shown = "[...document.querySelectorAll('.trace')].map((row) => row.dataset.trace)"

    /// Opens the list and waits until it waits for news.
    private static func open(_ browser: Browser, _ base: String, _ query: String = "") async throws {
      try await browser.open(base + "/" + query)
      try await browser.wait("document.querySelectorAll('.trace').length === 20")
      try await browser.wait(
        "performance.getEntriesByType('resource').some((entry) => entry.name.includes('/api/summaries'))")
    }

    @Test("Two hundred rows are pressed while twenty traces come a second, and each opens its own trace")
    func presses() async throws {
      try await serve(Self.first) { base, store in
        let sender = Task {
          var number: UInt64 = 100
          while !Task.isCancelled {
            _ = try await store.add([Self.one(number)])
            number += 1
            try await Task.sleep(for: .milliseconds(50))
          }
        }
        defer { sender.cancel() }
        try await Browser.run { browser in
          try await browser.open(base + "/")
          try await browser.wait("document.querySelectorAll('.trace').length >= 20")
          // The pointer comes to the list; from then on nothing moves below it, and what comes is counted.
          try await browser.hover(".trace:nth-child(4)")
          try await browser.wait(Self.newer)
          var wrong: [String] = []
          for round in 0..<200 {
            try await browser.wait("document.querySelectorAll('.trace').length >= 20")
            let row = ".trace:nth-child(\(2 + round % 6))"
            let id = try await browser.text("document.querySelector(\"\(row)\").dataset.trace")
            let box = try await browser.box(row)
            guard box.count == 4 else {
              wrong.append("no row \(round)")
              continue
            }
            let (x, y) = (box[0] + 300, box[1] + box[3] / 2)
            try await browser.move(to: x, y)
            try await browser.hold(at: x, y)
            try await browser.release(at: x, y)
            let path = try await browser.text("location.pathname")
            if path != "/traces/\(id)" { wrong.append("\(round): \(path) for \(id)") }
            if path != "/" { try await browser.goBack() }
          }
          #expect(wrong.isEmpty)
          // Once the pointer is away, what has come meanwhile is there.
          let before = try await browser.texts(Self.shown)
          try await browser.hover(".brand")
          try await browser.wait("\(Self.shown)[0] !== \(Browser.quoted(before.first ?? ""))")
        }
      }
    }

    @Test("Under a pointer the rows stay, the new ones are counted, and come when it is away")
    func pointer() async throws {
      try await serve(Self.first) { base, store in
        try await Browser.run { browser in
          try await Self.open(browser, base)
          try await browser.hover(".trace:nth-child(3)")
          try await browser.evaluate("window.rows = [...document.querySelectorAll('.trace')]")
          try await store.add((100..<112).map { Self.one($0) })
          try await browser.wait("\(Self.newer) === '12 new'")
          #expect(
            try await browser.isTrue(
              "[...document.querySelectorAll('.trace')].every((row, index) => row === rows[index]) && rows.length === 20"
            ))
          try await browser.hover(".brand")
          try await browser.wait("document.querySelectorAll('.trace').length === 32")
          #expect(try await browser.isTrue("rows.every((row) => row.isConnected)"))
          #expect(try await browser.isTrue("document.querySelector('.newer').hidden"))
        }
      }
    }

    @Test("A row with the focus keeps it: new ones wait until they are asked for, and then come around it")
    func focus() async throws {
      try await serve(Self.first) { base, store in
        try await Browser.run { browser in
          try await Self.open(browser, base)
          try await browser.press("j", "j")
          try await browser.evaluate("window.link = document.activeElement")
          try await store.add([Self.one(100), Self.one(101)])
          try await browser.wait("\(Self.newer) === '2 new'")
          try await browser.press("n")
          try await browser.wait("document.querySelectorAll('.trace').length === 22")
          #expect(try await browser.isTrue("document.activeElement === link && link.isConnected"))
          // By the button as well; without a focus in the list it follows again.
          try await store.add([Self.one(102)])
          try await browser.click(".newer")
          try await browser.wait("document.querySelectorAll('.trace').length === 23")
          try await browser.hover(".brand")
          try await store.add([Self.one(103)])
          try await browser.wait("document.querySelectorAll('.trace').length === 24")
        }
      }
    }

    @Test("Text that is selected in the list stays selected")
    func selection() async throws {
      try await serve(Self.first) { base, store in
        try await Browser.run { browser in
          try await Self.open(browser, base)
          try await browser.evaluate(
            "getSelection().selectAllChildren(document.querySelector('.trace:nth-child(2) .operation'))")
          try await store.add([Self.one(100)])
          try await browser.wait("\(Self.newer) === '1 new'")
          #expect(try await browser.text("String(getSelection())") == "get /1")
          try await browser.evaluate("getSelection().removeAllRanges()")
          try await browser.wait("document.querySelectorAll('.trace').length === 21")
        }
      }
    }

    @Test("A drag in the plot survives what comes meanwhile")
    func drag() async throws {
      try await serve(Self.first) { base, store in
        try await Browser.run { browser in
          try await Self.open(browser, base)
          let box = try await browser.box(".plot svg")
          try #require(box.count == 4)
          func x(_ part: Double) -> Double { box[0] + box[2] * part }
          let y = box[1] + box[3] / 2
          try await browser.move(to: x(0.3), y)
          try await browser.hold(at: x(0.3), y)
          try await browser.move(to: x(0.5), y, isDown: true)
          try await browser.wait(for: ".plot .selection")
          try await store.add((100..<105).map { Self.one($0) })
          try await browser.wait("\(Self.newer) === '5 new'")
          #expect(try await browser.number("document.querySelectorAll('.plot .selection').length") == 1)
          try await browser.move(to: x(0.8), y, isDown: true)
          try await browser.release(at: x(0.8), y)
          try await browser.wait("location.search.includes('from=')")
          try await browser.wait("document.querySelectorAll('.trace').length < 18")
        }
      }
    }

    @Test("What is chosen for comparing stays in the list when newer traces push it out")
    func chosen() async throws {
      try await serve(Self.first) { base, store in
        try await Browser.run { browser in
          try await Self.open(browser, base, "?limit=20")
          try await browser.click(".trace:last-child .pick input")
          let id = try await browser.text("document.querySelector('.trace:last-child').dataset.trace")
          try await browser.evaluate("document.activeElement.blur()")
          try await browser.hover(".brand")
          try await store.add((100..<125).map { Self.one($0) })
          try await browser.wait("document.querySelector('.trace .operation').innerText !== 'get /0'")
          let shown = try await browser.texts(Self.shown)
          #expect(shown.count == 21 && shown.last == id)
          #expect(try await browser.isTrue("document.querySelector('.trace:last-child input').checked"))
        }
      }
    }

    @Test("Who comes back from a trace finds the list as it was, at the same row")
    func comingBack() async throws {
      try await serve(Self.first) { base, store in
        try await Browser.run { browser in
          try await Self.open(browser, base)
          try await browser.press("j", "j", "j", "Enter")
          try await browser.wait(for: ".row")
          try await store.add([Self.one(100)])
          try await browser.press("Escape")
          try await browser.wait(for: ".trace")
          #expect(
            try await browser.text("document.activeElement.closest('.trace').dataset.trace").hasSuffix("abc0002"))
          #expect(try await browser.texts(Self.shown).count == 20)
          try await browser.wait("\(Self.newer) === '1 new'")
        }
      }
    }
  }
}
