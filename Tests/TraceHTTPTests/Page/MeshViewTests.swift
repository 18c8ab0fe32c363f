import BrowserTestSupport
import Foundation
import HTTPService
import HTTPTypes
import LoopbackTestSupport
import Synchronization
import TestSupport
import Testing

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

extension PageInBrowser {
  /// The view of a mesh: its proxies, why their requests leave no traces, its policies.
  @Suite struct MeshView {
    /// A control plane as far as the page sees it: what it answers can be changed.
    private final class ControlPlane: Sendable {
      struct State {
        var meshes: Result<[String], CollectorError> = .success(["default", "payments"])
        var items = [
          ControlPlane.item(
            "backend-1", "fault", "name-not-resolved", "The name jaeger.nowhere does not resolve.",
            receipt: "receipt: 0 of ~4,000 for 6 minutes", evidence: ["12 lookups, 12 of them <b>failed</b>."]),
          ControlPlane.item("web-1", "fine", "fine", "Spans arrive.", trace: "000000006b756d610000000000c0ffee"),
          ControlPlane.item("web-2", "unknown", "unknown", "Nothing explains it.", isSilent: true),
        ]
        var failure: CollectorError?
        var questions: [String] = []
      }

      let state = Mutex(State())

      var queries: CollectorAPI.MeshQueries {
        CollectorAPI.MeshQueries(
          names: { self.state.withLock { $0.meshes } }, tracing: { self.answer($0, $1) })
      }

      private func answer(
        _ mesh: String, _ parameters: [(name: String, value: String)]
      ) -> Result<[UInt8], CollectorError> {
        let (items, failure) = state.withLock { state in
          state.questions.append(([mesh] + parameters.map { "\($0.name)=\($0.value)" }).joined(separator: " "))
          return (mesh == "default" ? state.items : [], state.failure)
        }
        if let failure { return .failure(failure) }
        var chosen = items
        for (name, value) in parameters {
          switch name {
          case "notTraced": chosen.removeAll { $0.text.contains(#""fine":true"#) }
          case "cause": chosen.removeAll { $0.cause != value }
          case "name": chosen.removeAll { !$0.name.contains(value) }
          default: break
          }
        }
        let causes = Dictionary(grouping: items, by: { $0.cause }).map { "\"\($0.key)\":\($0.value.count)" }.sorted()
        let policies = items.isEmpty ? "" : #"{"name":"all","proxies":3},{"name":"lost","proxies":0}"#
        let text =
          """
          {"total":\(chosen.count),"proxies":\(items.count),"causes":{\(causes.joined(separator: ","))},
           "items":[\(chosen.map { $0.text }.joined(separator: ","))],"policies":[\(policies)],"next":null}
          """
        return .success(Array(text.utf8))
      }

      static func item(
        _ name: String, _ level: String, _ cause: String, _ summary: String,
        receipt: String = "receipt: 9 of 9 expected",
        evidence: [String] = [], isSilent: Bool = false, trace: String? = nil
      ) -> (name: String, cause: String, text: String) {
        let facts = evidence.map { #"{"source":"Envoy","text":"\#($0)"}"# }.joined(separator: ",")
        return (
          name, cause,
          """
          {"mesh":"default","name":"\(name)","services":["\(name.dropLast(2))"],"status":"online","policy":"all",
           "backend":{"name":"jaeger","status":"found","type":"zipkin","sampling":100},
           "listeners":{"traced":2,"total":2},
           "receipt":{"state":"matches","text":"\(receipt)","requests":9,"expected":9,"stored":9},
           "evidence":\(isSilent ? #"{"source":null,"ageMs":null,"time":null,"reason":"its kuma-dp is too old"}"#
            : #"{"source":"kuma-dp","ageMs":10,"time":"2026-11-30T04:00:00Z","reason":null}"#),
           "verdict":{"cause":"\(cause)","number":1,"level":"\(level)","fine":\(level == "fine"),"title":"T",
            "summary":"\(summary)","evidence":[\(facts)],"remedy":"Mend it.","since":null,
            "trace":\(trace.map { "\"\($0)\"" } ?? "null")}}
          """
        )
      }
    }

    /// Serves a collector of a control plane, or one that runs alone.
    private func serve(
      _ plane: ControlPlane?, _ body: @escaping @Sendable (_ base: String, Browser) async throws -> Void
    ) async throws {
      let collector = try TestCollector { $0.clock = .system }
      var settings = CollectorAPI.Settings()
      settings.meshes = plane?.queries
      let api = CollectorAPI(store: collector.store, settings: settings)
      try await LoopbackServer.run({ request, content in
        if request.path == "/session" {
          return Answer(type: MediaType.json, body: Array("{}".utf8)).message(to: request)
        }
        return await api.respond(to: request, body: content).message(to: request)
      }) { base in
        try await Browser.run { try await body(base, $0) }
        api.stopWaiting()
      }
      withExtendedLifetime(collector) {}
    }

    @Test(
      "Proxies that need work come first, with cause, evidence, remedy and receipt; filters choose; policies are counted"
    )
    func proxies() async throws {
      let plane = ControlPlane()
      try await serve(plane) { base, browser in
        try await browser.open(base + "/")
        try await browser.wait("!document.querySelector('#mesh-link').hidden")
        try await browser.press("g", "m")
        try await browser.wait(for: ".mesh-line")
        #expect(try await browser.texts(of: ".mesh-line b.name") == ["backend-1", "web-2", "web-1"])
        #expect(try await browser.texts(of: ".views [aria-current]") == ["Mesh"])
        #expect(
          try await browser.texts(of: ".banner.broken")
            == ["2 of 3 proxies are not fine: name not resolved (1), unknown (1)."])
        let lines = try await browser.texts(of: ".mesh-line")
        for text in [
          "name not resolved", "The name jaeger.nowhere does not resolve.", "What to do: Mend it.",
          "Envoy 12 lookups, 12 of them <b>failed</b>.", "Receipt 0 of ~4,000 for 6 minutes", "Listeners 2 of 2 traced",
          "Backend jaeger (zipkin, 100 %)", "Policy all", "Connection online",
        ] {
          #expect(lines[0].contains(text), "\(text) is not in \(lines[0])")
        }
        #expect(lines[1].contains("No counters: its kuma-dp is too old"))
        #expect(!lines[2].contains("Mend it."))
        #expect(
          try await browser.text("document.querySelector('.of-proxy a').getAttribute('href')")
            == "/traces/000000006b756d610000000000c0ffee")
        #expect(try await browser.texts(of: ".policies tbody tr") == ["all 3 proxies", "lost no proxy"])
        #expect(try await browser.contentWidth() <= 1_440)
        try await browser.picture(PageInBrowser.artifacts().appending(path: "mesh.png").path)
        // What is chosen is in the address, and goes back.
        try await browser.click(".banner .cause")
        try await browser.wait("document.querySelectorAll('.mesh-line').length === 1")
        #expect(try await browser.address() == "/mesh?mesh=default&show=name-not-resolved")
        try await browser.goBack()
        try await browser.wait("document.querySelectorAll('.mesh-line').length === 3")
        try await browser.open(base + "/mesh?show=not-fine&name=web")
        try await browser.wait("document.querySelectorAll('.mesh-line').length === 1")
        #expect(plane.state.withLock { $0.questions.last } == "default name=web notTraced=true size=100")
        try await browser.resize(width: 420, height: 860)
        #expect(try await browser.contentWidth() <= 420)
        #expect(!browser.console.contains { $0.hasPrefix("exception") }, "\(browser.console)")
      }
    }

    @Test(
      "What is new appears by itself and keeps what was opened; nobody is asked while nobody looks; a failure is told")
    func following() async throws {
      let plane = ControlPlane()
      try await serve(plane) { base, browser in
        try await browser.open(base + "/mesh")
        try await browser.wait(for: ".mesh-line.bad details[open]")
        // The waits for the next question, which are between 5 and 60 seconds; the one of 20 belongs to the line at the top.
        try await browser.evaluate(
          """
          (() => { const [set, clear] = [window.setTimeout, window.clearTimeout];
            window.pending = new Set();
            window.setTimeout = (run, wait) => {
              const id = set(() => { pending.delete(id); run(); }, wait);
              if (wait >= 5000 && wait !== 20000) pending.add(id);
              return id;
            };
            window.clearTimeout = (id) => { pending.delete(id); clear(id); }; })()
          """)
        // As a browser tells it when another page is in front.
        func hide(_ isHidden: Bool) async throws {
          try await browser.evaluate(
            "Object.defineProperty(document, 'hidden', { configurable: true, value: \(isHidden) }); document.dispatchEvent(new Event('visibilitychange'))"
          )
        }
        try await hide(true)
        try await hide(false)
        try await browser.wait("pending.size === 1")
        try await hide(true)
        #expect(try await browser.number("pending.size") == 0)
        try await browser.evaluate("document.querySelector('.mesh-line.bad summary').click()")
        plane.state.withLock {
          $0.items[0] = ControlPlane.item(
            "backend-1", "fault", "connection-refused", "It is refused.", evidence: ["3 failures."])
        }
        try await hide(false)
        try await browser.wait(
          "document.querySelector('.mesh-line.bad .said')?.textContent.startsWith('It is refused.')")
        #expect(try await browser.isTrue("!document.querySelector('.mesh-line.bad details').open"))
        plane.state.withLock { $0.failure = CollectorError(code: .unavailable, message: "the store is away") }
        try await hide(true)
        try await hide(false)
        try await browser.wait("!document.querySelector('.view > .banner').hidden")
        #expect(
          try await browser.texts(of: ".view > .banner")[0].hasSuffix("what is new cannot be read: the store is away"))
        #expect(try await browser.texts(of: ".mesh-line b.name").count == 3)
      }
    }

    /// The heading of what the page says in place of a mesh.
    private func notice(_ browser: Browser, _ address: String) async throws -> String {
      try await browser.open(address)
      try await browser.wait(for: ".notice h2")
      return try await browser.texts(of: ".notice h2").joined()
    }

    @Test("A mesh without proxies, a mesh that is not there, no mesh and an unknown state each say what they are")
    func states() async throws {
      let plane = ControlPlane()
      try await serve(plane) { base, browser in
        let empty = try await notice(browser, base + "/mesh?mesh=payments")
        #expect(empty == "No proxies yet")
        #expect(try await browser.texts(of: ".policies .lead") == ["The mesh payments has no TrafficTrace."])
        #expect(try await notice(browser, base + "/mesh?name=nobody") == "No proxy is like that")
        plane.state.withLock { $0.failure = CollectorError(code: .notFound, message: "there is no mesh \"old\"") }
        #expect(try await notice(browser, base + "/mesh?mesh=old") == "There is no such mesh")
        plane.state.withLock { $0.failure = CollectorError(code: .unavailable, message: "the store is away") }
        #expect(try await notice(browser, base + "/mesh") == "The mesh cannot be shown")
        plane.state.withLock { $0.meshes = .success([]) }
        #expect(try await notice(browser, base + "/mesh") == "No mesh yet")
      }
    }

    @Test("A collector alone has no link to a mesh, and says why there is none")
    func alone() async throws {
      try await serve(nil) { base, browser in
        try await browser.open(base + "/mesh")
        try await browser.wait(for: ".notice")
        #expect(try await browser.texts(of: ".notice h2") == ["No mesh is known here"])
        #expect(try await browser.texts(of: ".notice p")[0].contains("runs without a control plane"))
        #expect(try await browser.isTrue("document.querySelector('#mesh-link').hidden"))
      }
    }
  }
}
