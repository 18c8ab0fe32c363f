import BrowserTestSupport
import Deflate
import Foundation
import HTTPTypes
import Testing

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// The page's files as they are served.
@Suite struct PageFilesTests {
  @Test(
    "Every address of the page gives the page",
    arguments: [
      "/", "/traces/abc", "/?service=a", "/traces/abc?span=1", "/graph", "/services/a%2Fb", "/propagation",
      "/compare/a/b", "/services", "/services/", "/traces", "/traces/", "/compare", "/compare/a", "/compare/a/",
      "/graph/",
      "/file", "/file/a", "/propagation/", "/traces/not%20an%20id", "/mesh",
    ])
  func page(path: String) async throws {
    let collector = try TestCollector()
    let reply = await collector.get(path)
    #expect(reply.status == 200)
    #expect(reply.field("Content-Type") == "text/html; charset=utf-8")
    #expect(reply.text == PageFiles.page.text)
  }

  @Test("Nothing but our own files may run or be loaded")
  func policy() async throws {
    let collector = try TestCollector()
    for path in ["/", "/assets/app.js", "/assets/app.css", "/assets/icon.svg"] {
      let reply = await collector.get(path)
      let policy = try #require(reply.field("Content-Security-Policy"))
      #expect(policy.contains("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"))
      #expect(policy.contains("frame-ancestors 'none'"))
      #expect(!policy.contains("unsafe"))
      #expect(reply.field("X-Content-Type-Options") == "nosniff")
      #expect(reply.field("Referrer-Policy") == "no-referrer")
    }
    // Nothing in the page needs more.
    #expect(!PageFiles.page.text.contains("<script>"))
    #expect(!PageFiles.page.text.contains("style="))
    #expect(!PageFiles.page.text.contains(" on"))
    for (name, file) in PageFiles.assets.merging(["standalone.js": PageFiles.standalone], uniquingKeysWith: { $1 })
    where name.hasSuffix(".js") {
      let text = file.text
      for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "setAttribute(\"style\""]
      {
        #expect(!text.contains(word), "\(name) uses \(word)")
      }
    }
  }

  @Test("Every file that is named is there, and every file is named")
  func references() async throws {
    let collector = try TestCollector()
    var found: Set<String> = []
    func note(_ name: Substring) { found.insert(String(name)) }
    for match in PageFiles.page.text.matches(of: /"\/assets\/([^"]+)"/) { note(match.output.1) }
    for file in PageFiles.assets.values {
      let text = String(decoding: file.content, as: UTF8.self)
      for match in text.matches(of: /from "\.\/([^"]+)"/) { note(match.output.1) }
    }
    #expect(found == Set(PageFiles.assets.keys))
    for name in found {
      let reply = await collector.get("/assets/\(name)")
      #expect(reply.status == 200)
      #expect(reply.field("Content-Type") == PageFiles.assets[name]?.type)
      #expect(reply.body == PageFiles.assets[name]?.content)
    }
    for path in ["/assets/", "/assets/none.js", "/assets/../app.js", "/compare/a/b/c", "/graph/a"] {
      #expect(await collector.get(path).status == 404)
    }
  }

  @Test("A browser that was sent to an address of nothing gets the page, which says so; programs get a sentence")
  func nothing() async throws {
    let collector = try TestCollector()
    let browser: [HTTPField.Name: String] = [.accept: "text/html,application/xhtml+xml,*/*;q=0.8"]
    for path in ["/nothing", "/traces/a/b", "/graph/a", "/compare/a/b/c", "/favicon.ico"] {
      let reply = await collector.get(path, fields: browser)
      #expect(reply.status == 404)
      #expect(reply.text == PageFiles.page.text)
      #expect(reply.field("Content-Security-Policy")?.isEmpty == false)
      #expect(await collector.get(path, fields: [.accept: "*/*"]).text == "there is nothing at \(path)\n")
    }
    for path in ["/api/nothing", "/assets/none.js", "/v1/nothing", "/zipkin/api/nothing"] {
      let reply = await collector.get(path, fields: browser)
      #expect(reply.status == 404)
      #expect(reply.field("Content-Type") == "text/plain; charset=utf-8")
    }
  }

  @Test("A browser that has a file is told so, and gets a changed one")
  func caching() async throws {
    let collector = try TestCollector()
    for path in ["/", "/assets/app.js"] {
      let first = await collector.get(path)
      let tag = try #require(first.field("ETag"))
      #expect(first.field("Cache-Control") == "no-cache")
      for known in [tag, "\"old\", W/\(tag)"] {
        let second = await collector.get(path, fields: [.ifNoneMatch: known])
        #expect(second.status == 304)
        #expect(second.body.isEmpty)
        #expect(second.field("ETag") == tag)
        #expect(second.field("Content-Length") == nil)
      }
      #expect(await collector.get(path, fields: [.ifNoneMatch: "\"old\""]).status == 200)
    }
    #expect(Set(PageFiles.assets.values.map(\.entityTag)).count == PageFiles.assets.count)
    #expect(await collector.get("/api/v2/services").field("Cache-Control") == "no-store")
  }

  @Test func head() async throws {
    let collector = try TestCollector()
    let (get, head) = (await collector.get("/"), await collector.send(.head, "/"))
    #expect(head.status == 200)
    #expect(head.fields == get.fields)
    #expect(head.body.isEmpty)
  }

  @Test("Links to Zipkin's, Jaeger's and Kuma's own pages lead to ours")
  func zipkinLinks() async throws {
    let collector = try TestCollector()
    let locations = [
      ("/zipkin", "/"), ("/zipkin/", "/"), ("/zipkin/traces/ABC", "/traces/0000000000000abc"),
      ("/zipkin/traces/x%0d", "/"), ("/gui", "/"), ("/gui/", "/"), ("/gui/meshes/default", "/"), ("/index.html", "/"),
      ("/trace/ABC", "/traces/0000000000000abc"), ("/search", "/"), ("/dependency", "/graph"),
      ("/dependencies", "/graph"),
    ]
    for (path, location) in locations {
      let reply = await collector.get(path)
      #expect(reply.status == 302)
      #expect(reply.field("Location") == location)
    }
  }

  @Test("Browsers that take gzip get it, under a tag of its own")
  func packing() async throws {
    let collector = try TestCollector()
    for (path, content) in [
      ("/", PageFiles.page.content), ("/assets/app.js", PageFiles.assets["app.js"]?.content ?? []),
    ] {
      let plain = try #require(await collector.get(path).field("ETag"))
      for accepted in ["gzip", "br, GZIP;q=0.5, *;q=0.1", "*"] {
        let reply = await collector.get(path, fields: [.acceptEncoding: accepted])
        #expect(reply.field("Content-Encoding") == "gzip")
        #expect(reply.field("Content-Length") == "\(reply.body.count)")
        #expect(reply.field("Vary") == "Accept-Encoding")
        #expect(try CompressedBody.inflate(reply.body, limit: 1 << 20) == content)
        let tag = try #require(reply.field("ETag"))
        #expect(tag != plain)
        let again = await collector.get(path, fields: [.acceptEncoding: accepted, .ifNoneMatch: tag])
        #expect(again.status == 304)
        #expect(again.field("Content-Encoding") == nil)
      }
      for accepted in ["", "br", "gzip;q=0", "gzip; q=0.000", "identity"] {
        let reply = await collector.get(path, fields: [.acceptEncoding: accepted])
        #expect(reply.field("Content-Encoding") == nil, "\(accepted)")
        #expect(reply.body == content)
      }
    }
  }

  @Test("All files together are below 92 kB when compressed, each by itself")
  func size() throws {
    var size = try Gzip.compress(PageFiles.page.content).count + Gzip.compress(PageFiles.standalone.content).count
    for file in PageFiles.assets.values { size += try Gzip.compress(file.content).count }
    #expect(size < 92_000)
  }

  @Test("Modules import what is exported, and nothing that they do not use")
  func imports() throws {
    for (name, file) in PageFiles.assets.merging(["standalone.js": PageFiles.standalone], uniquingKeysWith: { $1 })
    where name.hasSuffix(".js") {
      for match in file.text.matches(of: /import\s*\{([^}]*)\}\s*from\s*"\.\/([^"]+)";/) {
        let other = try #require(PageFiles.assets[String(match.output.2)]?.text)
        for item in match.output.1.split(separator: ",") {
          let item = item.trimmingCharacters(in: .whitespacesAndNewlines)
          #expect(
            ["function ", "class ", "const "].contains { other.contains("export \($0)\(item)") }
              || other.contains("export async function \(item)"), "\(name): \(item) from \(match.output.2)")
          let rest = file.text.replacing(match.output.0, with: "")
          // A dot between letters is no end of a word by the rules of Unicode, which are the usual ones.
          let use = try Regex("\\b\(item)\\b").wordBoundaryKind(.simple)
          #expect(rest.contains(use), "\(name) does not use \(item)")
        }
      }
    }
  }
}
