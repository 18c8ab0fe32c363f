import Documents
import OrderedCollections
import Testing

@testable import ChartTemplates

@Suite("Values of charts")
struct ValuesTests {
  @Test(
    "are set by --set as by Helm",
    arguments: [
      ("a.b=1", "a: {b: 1}"), ("a=1,b=x", "{a: 1, b: x}"), ("a=true,b=false", "{a: true, b: false}"),
      ("a=007,b=0,c=-5,d=1.5", "{a: '007', b: 0, c: -5, d: '1.5'}"), ("a={x,1,true}", "a: [x, 1, true]"),
      ("a[0].b=1,a[0].c=2", "a: [{b: 1, c: 2}]"), ("a[1]=x", "a: [null, x]"), ("a\\.b/c=d", "{a.b/c: d}"),
      ("a=x\\,y", "a: 'x,y'"), ("a=", "a: ''"), ("a=b=c", "a: b=c"), ("a={}", "a: ['']"), ("", "{}"),
    ])
  func set(text: String, result: String) throws {
    var values: DocumentValue.Object = [:]
    try SetExpression.apply(text, to: &values)
    #expect(try [DocumentValue.object(values)] == DocumentValue.yamlDocuments(result))
  }

  @Test("are removed by null")
  func null() throws {
    var values: DocumentValue.Object = ["a": ["b": 1, "c": 2], "d": 3]
    try SetExpression.apply("a.b=null,d=null", to: &values)
    #expect(values == ["a": ["c": 2]])
    #expect(values.merged(with: ["a": ["c": .null, "e": 1]]) == ["a": ["e": 1]])
  }

  @Test("of several files are merged key by key, and lists are replaced")
  func merge() {
    let base: DocumentValue.Object = ["a": ["b": 1, "c": [1, 2]], "d": "x"]
    #expect(base.merged(with: ["a": ["c": [3]], "d": ["e": 1]]) == ["a": ["b": 1, "c": [3]], "d": ["e": 1]])
  }

  @Test(
    "that --set cannot read are refused", arguments: ["a", "=1", "a.=1", "a[x]=1", "a[-1]=1", "a[99999999]=1", "[0]=1"])
  func refuseSet(text: String) {
    var values: DocumentValue.Object = [:]
    #expect(throws: ValuesError.self) { try SetExpression.apply(text, to: &values) }
  }

  static let schema: DocumentValue = [
    "type": "object", "additionalProperties": false,
    "properties": [
      "count": ["type": "integer", "minimum": 1, "maximum": 5],
      "level": ["type": "string", "enum": ["info", "debug"]],
      "name": ["type": "string", "minLength": 1, "maxLength": 4],
      "items": ["type": "array", "items": ["type": "string"]],
      "tags": ["type": "object", "additionalProperties": ["type": "string"]], "any": ["type": ["integer", "string"]],
    ],
  ]

  @Test(
    "are checked by the schema",
    arguments: [
      ("{count: 3, level: info, name: web, items: [a], tags: {a: b}, any: x}", nil),
      ("count: 0", "count: must be at least 1"), ("count: 6", "count: must be at most 5"),
      ("count: x", "count: must be a whole number, and is text"), ("count: 1.5", "count: must be a whole number"),
      ("level: loud", "level: \"loud\" is not one of info, debug"), ("name: ''", "name: must not be empty"),
      ("name: abcde", "name: must have at most 4 characters"), ("items: [a, 5]", "items[1]: must be text"),
      ("tags: {a: 5}", "tags.a: must be text"), ("any: true", "any: must be a whole number or text"),
      ("cuont: 1", "cuont: there is no such setting; did you mean count?"),
    ])
  func check(values: String, message: String?) throws {
    let values = try #require(DocumentValue.yamlDocuments(values).first?.object)
    let violations = ValuesSchema(Self.schema).violations(of: values)
    #expect(violations.count == (message == nil ? 0 : 1))
    if let message { #expect(violations.first?.hasPrefix(message) == true, "\(violations)") }
  }

  @Test("are not accepted by a schema that would not be enforced")
  func keywords() {
    let violations = ValuesSchema(["type": "object", "pattern": "x"]).violations(of: [:])
    #expect(violations == ["values: the schema uses \"pattern\", which is not supported"])
  }
}
