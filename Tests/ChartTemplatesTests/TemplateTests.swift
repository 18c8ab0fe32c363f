import Documents
import OrderedCollections
import Testing

@testable import ChartTemplates

@Suite("Templates")
struct TemplateTests {
  static let values: DocumentValue.Object = [
    "name": "web", "count": 3, "zero": 0, "on": true, "off": false, "empty": "", "list": ["a", "b"],
    "map": ["b": "2", "a": ["c": 1]], "none": [], "text": "one\ntwo",
  ]

  private func render(_ source: String) throws -> String {
    let template = try TemplateParser.parse(file: "templates/x.yaml", source: source)
    var renderer = TemplateRenderer(root: .object(Self.values), templates: [template])
    return try renderer.render(template)
  }

  @Test(
    "render text, values and blocks",
    arguments: [
      ("plain", "plain"), ("{{ .name }}-{{.count}}", "web-3"), ("a {{- .name -}} b", "awebb"), ("{{/* note */}}x", "x"),
      ("a\n{{- /* note */ -}}\nb", "ab"), ("{{ .missing }}|", "|"), ("{{ .map.a.c }}", "1"), ("{{ $.map.b }}", "2"),
      ("{{ (dict \"k\" \"v\").k }}", "v"), ("{{ \"a\\\"b\" }}{{ `c\"d` }}", "a\"bc\"d"), ("{{ -5 }}", "-5"),
      ("{{ if .on }}y{{ else }}n{{ end }}", "y"), ("{{ if .off }}y{{ else }}n{{ end }}", "n"),
      ("{{ if .zero }}a{{ else if .count }}b{{ else }}c{{ end }}", "b"), ("{{ if .none }}y{{ end }}", ""),
      ("{{ with .map }}{{ .b }}{{ $.name }}{{ end }}", "2web"), ("{{ with .empty }}y{{ else }}n{{ end }}", "n"),
      ("{{ range .list }}<{{ . }}>{{ end }}", "<a><b>"), ("{{ range .none }}x{{ else }}none{{ end }}", "none"),
      ("{{ range $i, $v := .list }}{{ $i }}{{ $v }}{{ end }}", "0a1b"),
      ("{{ range $k, $v := .map }}{{ $k }}{{ end }}", "ab"),
      ("{{ $x := .name }}{{ if .on }}{{ $x = \"db\" }}{{ end }}{{ $x }}", "db"),
      ("{{ $x := 1 }}{{ if .on }}{{ $x := 2 }}{{ end }}{{ $x }}", "1"),
      ("{{ define \"d\" }}<{{ .b }}{{ $.b }}>{{ end }}{{ include \"d\" .map }}", "<22>"),
      ("{{ define \"d\" }}x{{ end }}{{ include \"d\" . | quote }}", "\"x\""),
    ])
  func rendering(source: String, result: String) throws { #expect(try render(source) == result) }

  @Test(
    "apply functions as Helm does",
    arguments: [
      ("and .on .name", "web"), ("and .off .name", "false"), ("or .empty .name", "web"), ("not .empty", "true"),
      ("eq .name \"web\"", "true"), ("ne .count 3", "false"), ("eq .missing nil", "true"), ("lt .count 4", "true"),
      ("le .count 3", "true"), ("gt .count 3", "false"), ("ge .count 3", "true"), ("default \"x\" .empty", "x"),
      ("coalesce .empty .missing .name", "web"), (".text | quote", "\"one\\ntwo\""), ("quote .missing", ""),
      (".list | toYaml", "- a\n- b"), ("toYaml .map | nindent 2", "\n  a:\n    c: 1\n  b: \"2\""),
      ("indent 2 .text", "  one\n  two"), ("trimSuffix \"/\" \"a/b/\"", "a/b"), ("int \"12\"", "12"),
      ("int .text", "0"),
      ("(fromYaml \"a: {b: 1}\").a.b", "1"), ("(merge (dict \"a\" 1) (dict \"a\" 2 \"b\" 3)).a", "1"),
      ("(merge (dict \"a\" 1) (dict \"a\" 2 \"b\" 3)).b", "3"), ("required \"no name\" .name", "web"),
      ("semverCompare \">=1.21.0-0\" \"v1.20.2\"", "false"), ("semverCompare \">=1.21.0-0\" \"v1.21.0-rc.1\"", "true"),
      ("semverCompare \">=1.21\" \"v1.36.0\"", "true"), ("semverCompare \">=1.21\" \"v1.36.0-rc.1\"", "false"),
      ("semverCompare \"<2\" \"v1.36.0+build\"", "true"),
    ])
  func functions(expression: String, result: String) throws { #expect(try render("{{ \(expression) }}") == result) }

  @Test(
    "that are not supported or wrong are refused with file and line",
    arguments: [
      ("x\n{{ lookup \"v1\" }}", 2, "the function \"lookup\" is not supported"),
      ("{{ quoted .name }}", 1, "did you mean quote?"), ("{{ quote }}", 1, "quote does not take 0 arguments"),
      ("{{ template \"x\" . }}", 1, "use include"), ("\n\n{{ if .on }}", 3, "if has no end"),
      ("{{ end }}", 1, "\"end\" has no beginning"), ("{{ .name", 1, "does not end"), ("{{ \"a }}", 1, "does not end"),
      ("{{ /* a }}", 1, "does not end"), ("{{ .name .count }}", 1, "goes on behind its value"),
      ("{{ .name | 5 }}", 1, "must be followed by a function"), ("{{ (.name }}", 1, "parenthesis"),
      ("{{ ! }}", 1, "\"!\" is not expected"), ("{{ .list }}", 1, "a list cannot be written; use toYaml"),
      ("a\n{{ .name.x }}", 2, "\"x\" cannot be read from text"), ("{{ .missing.x }}", 1, "cannot be read from nothing"),
      ("{{ range .name }}{{ end }}", 1, "not over text"), ("{{ $x }}", 1, "there is no variable $x"),
      ("{{ $x = 1 }}", 1, "there is no variable $x"), ("{{ include \"d\" . }}", 1, "no template defines \"d\""),
      ("{{ eq .name .count }}", 1, "eq compares"), ("{{ required \"no x\" .x }}", 1, "no x"),
      ("{{ fail \"stop\" }}", 1, "stop"), ("{{ nindent 500 .name }}", 1, "from 0 to 200"),
      ("{{ semverCompare \"^1\" \"1.2.3\" }}", 1, "not a version"), ("{{ fromYaml \"a: [\" }}", 1, "not valid YAML"),
      ("{{ define \"d\" }}{{ include \"d\" . }}{{ end }}{{ include \"d\" . }}", 1, "without end"),
      ("{{ 99999999999999999999 }}", 1, "64 bits"),
    ])
  func refusals(source: String, line: Int, message: String) throws {
    let error = try #require(throws: TemplateError.self) { try render(source) }
    #expect(error.file == "templates/x.yaml")
    #expect(error.line == line)
    #expect(error.message.contains(message), "\(error)")
  }

  @Test("that are nested very deeply are refused")
  func depth() {
    let parentheses = "{{ " + String(repeating: "(", count: 5_000) + "1" + String(repeating: ")", count: 5_000) + " }}"
    #expect(throws: TemplateError.self) { try render(parentheses) }
    #expect(throws: TemplateError.self) { try render(String(repeating: "{{ if .on }}", count: 5_000)) }
  }
}
