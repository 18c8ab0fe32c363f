import BrowserTestSupport
import Foundation
import TestSupport
import Testing

@testable import TraceModel

extension PageInBrowser {
  /// What every view has to be at every size, in light and in dark. Leaves a picture of each.
  @Suite struct Appearance {
    private static let views = [
      ("list", "/?live=0", ".trace"), ("trace", "/traces/c0ffee", ".row"),
      ("span", "/traces/c0ffee?span=000000000000000a&side=server", ".details:not([hidden])"),
      ("clocks", "/traces/c10c", ".banner.clocks"),
      ("services", "/traces/c0ffee?view=services", ".statistics tbody tr"),
      ("compare", "/compare/c0ffee/c0fff0", ".compare"), ("graph", "/graph", ".board .service"),
      ("operations", "/services/orders", ".operations"), ("propagation", "/propagation", ".verdicts"),
      ("choice", "/compare", ".choice"), ("file", "/file", ".notice"), ("nowhere", "/nothing", ".notice"),
      ("fault", "/?q=error+and&live=0", ".fault:not([hidden])"),
      ("missing", "/traces/abc", ".notice"), ("nothing", "/?service=nobody&live=0", ".notice"),
    ]

    @Test(
      "Every view fits its window, and everything in it has a name",
      arguments: [(1_440, 900), (1_024, 768), (420, 860)])
    func views(width: Int, height: Int) async throws {
      let folder = try artifacts()
      let spans = shop + Checkout(trace: 0xC10C, fails: false, age: 9_000, clocks: ["payments": -38_000]).spans
      try await serve(spans, missing: Written.answer) { base, _ in
        try await Browser.run { browser in
          for (name, path, sign) in Self.views {
            for isDark in [false, true] {
              try await browser.resize(width: width, height: height, isDark: isDark)
              try await browser.open(base + path)
              try await browser.wait(for: sign)
              let place = "\(name) at \(width)"
              let wide = try await browser.contentWidth()
              #expect(wide <= Double(width), "\(place) is \(wide) wide")
              let nameless = try await browser.texts(
                """
                [...document.querySelectorAll("button, a, input, select, summary, [role=group], [role=tree], [role=img]")]
                  .filter((node) => node.offsetParent !== null && !node.labels?.length && !node.textContent.trim()
                    && !node.getAttribute("aria-label") && !node.title).map((node) => node.outerHTML.slice(0, 120))
                """)
              #expect(nameless.isEmpty, "\(place): \(nameless)")
              #expect(try await browser.number("document.querySelectorAll('h1, h2, .summary').length") > 0)
              #expect(
                browser.console.filter { !$0.contains("404") && !$0.contains("400 (Bad Request)") }.isEmpty, "\(place)")
              let file = folder.appending(path: "collector-\(name)-\(width)-\(isDark ? "dark" : "light").png").path
              try await browser.picture(file)
              #expect(try Data(contentsOf: URL(filePath: file)).count > 4_000)
            }
          }
          // With and without anything stored, and the keys.
          try await browser.press("?")
          try await browser.wait(for: "dialog[open]")
          try await browser.picture(folder.appending(path: "collector-keys-\(width)-dark.png").path)
        }
      }
      try await serve([]) { base, _ in
        try await Browser.run { browser in
          try await browser.resize(width: width, height: height)
          try await browser.open(base + "/")
          try await browser.wait(for: ".start")
          #expect(try await browser.contentWidth() <= Double(width))
          try await browser.picture(folder.appending(path: "collector-empty-\(width)-light.png").path)
        }
      }
    }

    @Test("Every text stands out from its ground by 4.5 to 1, in light and in dark", arguments: [false, true])
    func contrast(isDark: Bool) async throws {
      try await serve(
        shop + Checkout(trace: 0xC10C, fails: false, clocks: ["payments": -38_000]).spans, missing: Written.answer
      ) { base, _ in
        try await Browser.run { browser in
          try await browser.resize(width: 1_440, height: 900, isDark: isDark)
          for (name, path, sign) in Self.views {
            try await browser.open(base + path)
            try await browser.wait(for: sign)
            let weak = try await browser.texts(Self.weakTexts)
            #expect(weak.isEmpty, "\(name): \(weak)")
          }
        }
      }
    }

    /// The texts in sight whose colour is too near to what they stand on. Colours are drawn to be read: that knows
    /// every way to write them. What is switched off or is not looked for may be pale.
    private static let weakTexts = """
      (() => {
        const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
          .getContext("2d", { willReadFrequently: true });
        const known = new Map();
        const read = (colour) => {
          if (!known.has(colour)) {
            context.clearRect(0, 0, 1, 1);
            context.fillStyle = colour;
            context.fillRect(0, 0, 1, 1);
            const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
            known.set(colour, [r, g, b, a / 255]);
          }
          return known.get(colour);
        };
        const over = (top, ground) => [0, 1, 2].map((part) => top[part] * top[3] + ground[part] * (1 - top[3])).concat(1);
        const ground = (node) => {
          const layers = [];
          for (let above = node; above; above = above.parentElement) layers.push(read(getComputedStyle(above).backgroundColor));
          return layers.reverse().reduce((result, layer) => over(layer, result), [255, 255, 255, 1]);
        };
        const light = (colour) => {
          const [r, g, b] = colour.slice(0, 3).map((part) => part / 255)
            .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const weak = new Set();
        for (const node of document.querySelectorAll("body *")) {
          const hasText = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
          if (!hasText || !node.getClientRects().length || node.closest("[disabled], .dimmed, .hidden-text, .skip, noscript, .idle")) continue;
          const style = getComputedStyle(node);
          const isShape = node instanceof SVGElement;
          const base = ground(isShape ? node.closest("svg").parentElement : node);
          const ink = over(read(isShape ? style.fill : style.color), base);
          const [high, low] = [light(ink), light(base)].sort((a, b) => b - a);
          const ratio = (high + 0.05) / (low + 0.05);
          if (ratio < 4.5) weak.add(`${ratio.toFixed(2)} ${node.tagName} ${node.getAttribute("class")} ${node.textContent.trim().slice(0, 30)}`);
        }
        return [...weak].slice(0, 12);
      })()
      """

    @Test("Nothing moves for those who want no motion")
    func motion() async throws {
      try await serve(shop) { base, _ in
        try await Browser.run { browser in
          let moving = "document.getAnimations().length"
          for isStill in [true, false] {
            try await browser.resize(width: 1_440, height: 900, isStill: isStill)
            try await browser.open(base + "/")
            try await browser.wait(for: ".trace")
            // With motion, the sign of being live pulses.
            #expect((try await browser.number(moving) == 0) == isStill)
          }
        }
      }
    }
  }
}
