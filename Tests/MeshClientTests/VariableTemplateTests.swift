import MeshClient
import Testing

@Suite("Variables in text")
struct VariableTemplateTests {
  @Test(
    "are filled in",
    arguments: [
      ("plain text", ["a": "1"], "plain text"),
      ("name: {{ name }}", ["name": "web"], "name: web"),
      ("{{name}} and {{  name  }}", ["name": "x"], "x and x"),
      ("{{ a.b }}/{{ a.c.d }}", ["a.b": "deep", "a.c.d": "deeper"], "deep/deeper"),
      ("[{{ missing }}]", ["other": "1"], "[]"),
      ("[{{ a.missing }}]", ["a.b": "1"], "[]"),
      (
        "{{ html }} {{{ html }}}", ["html": "<a href=\"x\">&'</a>"],
        "&lt;a href=&#34;x&#34;&gt;&amp;&#39;&lt;/a&gt; <a href=\"x\">&'</a>"
      ),
      ("url: {{{ a.url }}}", ["a.url": "http://x/?a=1&b=2"], "url: http://x/?a=1&b=2"),
      ("{{ value }}", ["value": "{{ name }}"], "{{ name }}"),
      ("first\n  {{ name }}\nlast\n", ["name": "x"], "first\n  x\nlast\n"),
    ])
  func render(text: String, variables: [String: String], expected: String) throws {
    #expect(try VariableTemplate.render(text, variables: variables) == expected)
  }

  @Test(
    "are refused when they make no sense",
    arguments: [
      ("{{ a", ["a": "1"]), ("{{#a}}", ["a": "1"]), ("x", ["a": "1", "a.b": "2"]), ("x", ["a..b": "1"]),
      ("x", [".": "1"]),
    ])
  func refuse(text: String, variables: [String: String]) {
    #expect(throws: VariableTemplate.Failure.self) { try VariableTemplate.render(text, variables: variables) }
  }

  @Test("are read from name=value")
  func read() throws {
    #expect(try VariableTemplate.variables(["a=1", "b=x=y", "c=", "a=2"]) == ["a": "2", "b": "x=y", "c": ""])
    #expect(try VariableTemplate.variables(["a=1,b=2", "c=3"]) == ["a": "1", "b": "2", "c": "3"])
    // With one equals sign commas are part of the value, and quotes around the whole are left out.
    #expect(try VariableTemplate.variables(["list=x,y"]) == ["list": "x,y"])
    #expect(try VariableTemplate.variables(["\"a=x y\""]) == ["a": "x y"])
    #expect(try VariableTemplate.variables(["a=1,\"b=x,y \"\"z\"\"\""]) == ["a": "1", "b": "x,y \"z\""])
    for text in ["a", "=1", "", "a=1,b=2,c", "a=1,b=2,", "a=1,\"b=2", "a=1,b=\"2\""] {
      #expect(throws: VariableTemplate.Failure.self) { try VariableTemplate.variables([text]) }
    }
  }

  @Test("whose values HTML has a use for are named")
  func escaped() {
    #expect(VariableTemplate.escapedNames(["a": "1", "b": "x&y", "c": "it's", "d": "é"]) == ["b", "c"])
  }

  @Test("say where a template is broken")
  func place() {
    let failure = #expect(throws: VariableTemplate.Failure.self) {
      try VariableTemplate.render("ok\n{{ a", variables: ["a": "1"])
    }
    #expect(failure?.description.contains("line 2") == true)
    let open = #expect(throws: VariableTemplate.Failure.self) { try VariableTemplate.render("{{#a}}", variables: [:]) }
    #expect(
      open?.description
        == "line 1, column 7: the variables cannot be filled in: a section is not closed; {{#name}} needs a {{/name}} "
        + "behind it")
  }

  @Test("take so many sections and no more, whatever their delimiters are")
  func sections() throws {
    let most = String(repeating: "{{#a}}{{/a}}", count: 250)
    #expect(try VariableTemplate.render(most + "# {{ b }}", variables: ["b": "1"]) == "# 1")
    for text in [most + "{{^a}}{{/a}}", "{{=<% %>=}}" + most.replacing("{{", with: "<%").replacing("}}", with: "%>")] {
      let failure = #expect(throws: VariableTemplate.Failure.self) { try VariableTemplate.render(text, variables: [:]) }
      #expect(failure?.description.contains("more than 250 sections") == true)
    }
  }

  @Test("may stand on one line as long as reading it again for each variable is bounded")
  func crowdedLines() throws {
    let line = String(repeating: "{{a}} ", count: 1_000)
    #expect(try VariableTemplate.render(line, variables: ["a": "1"]) == String(repeating: "1 ", count: 1_000))
    let lines = String(repeating: "{{a}}\n", count: 20_000)
    #expect(try VariableTemplate.render(lines, variables: ["a": "1"]).utf8.count == 40_000)
    let failure = #expect(throws: VariableTemplate.Failure.self) {
      try VariableTemplate.render("b\n" + String(repeating: "{{a}} ", count: 4_000), variables: ["a": "1"])
    }
    #expect(failure?.description.contains("line 2") == true && failure?.description.contains("break it") == true)
  }
}
