import HTTPTypes
import Testing

@testable import HTTPService

@Suite("Targets, queries, media types and answers") struct MessageTests {
  @Test(
    "a whole address is split into host and path",
    arguments: [
      ("http://cp:5681/meshes?size=1", "cp:5681", "/meshes?size=1"), ("HTTPS://cp", "cp", "/"),
      ("http://cp?size=1", "cp", "/?size=1"), ("http:///x", "", "/x"),
    ])
  func address(_ address: String, _ authority: String, _ path: String) {
    let split = HTTPRequest.split(address: address)
    #expect(split?.authority == authority)
    #expect(split?.path == path)
  }

  @Test("other targets are not addresses", arguments: ["/", "*", "", "/http://cp/", "cp:443", "ftp://cp/", "http:/cp"])
  func noAddress(_ target: String) {
    #expect(HTTPRequest.split(address: target) == nil)
  }

  @Test("a query is decoded strictly or leniently") func queries() {
    let text: Substring = "a=%41%zz%4&b=%ff&c&d==&a=2&%65=x+y&f=1;g=2"
    let lenient = QueryParameters(text, decoding: .lenient)
    #expect(lenient["a"] == "A%zz%4" && lenient["b"] == "\u{FFFD}" && lenient["d"] == "=" && lenient["e"] == "x y")
    #expect(lenient["c"] == nil && lenient.first("c") == "" && lenient.first("z") == nil)
    #expect(lenient.all("a") == ["A%zz%4", "2"] && lenient["f"] == "1;g=2")
    let strict = QueryParameters(text, decoding: .strict)
    #expect(strict["a"] == "2" && strict["b"] == nil && strict["e"] == "x y" && strict["f"] == nil)
    #expect(QueryParameters("b=1&a=x y&b=2", decoding: .strict).encoded(setting: "b", to: "ü") == "a=x+y&b=%C3%BC")
  }

  @Test("percent-encoding is undone by decoding", arguments: ["", "a b", "ü/?&=+%", "\u{1F600}", "a~b-c_d.e"])
  func encoding(_ text: String) {
    #expect(PercentCoding.decode(PercentCoding.encode(text)[...], plusIsSpace: true) == text)
    #expect(PercentCoding.decode(PercentCoding.encode(path: text)[...]) == text)
    #expect(PercentCoding.decodeLeniently(PercentCoding.encode(text, space: "%20")[...]) == text)
  }

  @Test(
    "the type of a body has small letters and no parameters",
    arguments: [
      ("application/json", "application/json"), ("Application/JSON; charset=utf-8", "application/json"),
      (" text/plain ", "text/plain"), (";", ""), ("", ""),
    ])
  func bodyType(_ field: String, _ expected: String) {
    let request = HTTPRequest(
      method: .post, scheme: nil, authority: nil, path: "/", headerFields: [.contentType: field])
    #expect(MediaType.ofBody(request) == expected)
  }

  @Test("the type of a body is no longer than what is read of it, wherever a character is cut")
  func longBodyType() {
    for letters in 250...256 {
      for character in ["é", "€", "😀"] {
        let field = String(repeating: "a", count: letters) + String(repeating: character, count: 10)
        let request = HTTPRequest(
          method: .post, scheme: nil, authority: nil, path: "/", headerFields: [.contentType: field])
        let type = MediaType.ofBody(request)
        #expect(type == String(repeating: "a", count: letters) + String(repeating: "?", count: 256 - letters))
      }
    }
  }

  @Test("lists of types are compared as Kuma does") func lists() {
    #expect(MediaType.list("text/html, application/json;q=0", containsAnyOf: [MediaType.json]))
    #expect(MediaType.list("*/*", containsAnyOf: [MediaType.json], anything: "*/*"))
    #expect(!MediaType.list("*/*", containsAnyOf: [MediaType.json]))
    #expect(!MediaType.list("application/*, APPLICATION/JSON", containsAnyOf: [MediaType.json], anything: "*/*"))
  }

  @Test("the answer to HEAD has the length of the body and no body") func head() {
    let answer = Answer.text("abc")
    for (method, body) in [(HTTPRequest.Method.get, Array("abc".utf8)), (.head, [])] {
      let (response, content) = answer.message(
        to: HTTPRequest(method: method, scheme: nil, authority: nil, path: "/"))
      #expect(response.headerFields[.contentLength] == "3" && content == body)
    }
  }
}

@Suite("The description of an API") struct OpenAPIDescriptionTests {
  /// A document as text.
  private struct Text: DescriptionValue, Equatable {
    var text: String

    static func string(_ text: String) -> Text { Text(text: "'\(text)'") }
    static func bool(_ value: Bool) -> Text { Text(text: "\(value)") }
    static func array(_ items: [Text]) -> Text { Text(text: "[\(items.map(\.text).joined(separator: " "))]") }
    static func object(members: [(String, Text)]) -> Text {
      Text(text: "{\(members.map { "\($0):\($1.text)" }.joined(separator: " "))}")
    }
  }

  @Test("follows from the operations") func document() {
    var read = Operation(
      .get, "/a/{id}", "Reads.",
      query: [.init(name: "q", summary: "Q."), .init(name: "r", summary: "R.", requiredExample: "1")],
      outcomes: [.init(.ok, "It.", [.init(MediaType.json), .init("text/html")]), .init(.notFound, "No.")])
    read.servers = ["http://x"]
    let write = Operation(
      .put, "/a/{id}", "Writes.", accepts: [.init(MediaType.protobuf)],
      outcomes: [.init(.badRequest, "Bad.", [.init(MediaType.json, .named("Error"))])])
    let description = OpenAPIDescription<Text>(
      title: "T", version: "1", operations: [read, Operation(.get, "/b", "B."), write],
      schemas: [("Error", .bool(true))])
    let id = "{name:'id' in:'path' required:true schema:{type:'string'}}"
    let query =
      "{name:'q' in:'query' description:'Q.' schema:{type:'string'}} "
      + "{name:'r' in:'query' description:'R.' schema:{type:'string'} required:true example:'1'}"
    let reading =
      "{summary:'Reads.' servers:[{url:'http://x'}] parameters:[\(id) \(query)] responses:{200:{description:'It.' "
      + "content:{application/json:{schema:{}} text/html:{schema:{type:'string'}}}} 404:{description:'No.'}}}"
    let writing =
      "{summary:'Writes.' parameters:[\(id)] requestBody:{required:true "
      + "content:{application/x-protobuf:{schema:{type:'string' format:'binary'}}}} responses:{400:{description:'Bad.' "
      + "content:{application/json:{schema:{$ref:'#/components/schemas/Error'}}}}}}"
    #expect(
      description.document.text
        == "{openapi:'3.0.3' info:{title:'T' version:'1'} paths:{/a/{id}:{get:\(reading) put:\(writing)} "
        + "/b:{get:{summary:'B.' responses:{}}}} components:{schemas:{Error:true}}}")
  }
}
