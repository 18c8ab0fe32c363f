import Documents
import OrderedCollections
import Testing

@testable import ChartTemplates

@Suite("Charts")
struct ChartTests {
  private static let files = [
    "Chart.yaml": "{name: web, version: 1.0.0, appVersion: '2.0'}",
    "values.yaml": "# The name.\nname: web\n",
    "values.schema.json":
      #"{"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": false}"#,
    "templates/_helpers.tpl": "{{ define \"app\" }}{{ .Chart.AppVersion }}{{ end }}",
    "templates/a.yaml":
      "kind: Deployment\nname: {{ .Values.name }}\n---\n# A note.\nkind: Role\nversion: {{ include \"app\" . }}\n",
    "templates/b.yaml":
      "{{ if .Values.absent }}kind: Service{{ end }}\n---\nkind: Namespace\nname: {{ .Release.Namespace }}",
    "crds/c.yaml": "kind: CustomResourceDefinition\n",
  ]
  private let release = Chart.Release(name: "web", namespace: "shop", kubernetesVersion: "1.30.0")

  @Test("give manifests in the order in which they depend on each other, with their comments")
  func order() throws {
    let chart = try Chart(files: Self.files)
    let manifests = try chart.manifests(of: release, values: chart.values)
    #expect(
      manifests.map(\.text) == [
        "kind: Namespace\nname: shop\n", "kind: CustomResourceDefinition\n",
        "# A note.\nkind: Role\nversion: 2.0\n", "kind: Deployment\nname: web\n",
      ])
  }

  @Test("refuse values that the schema refuses or that make no valid YAML")
  func values() throws {
    let chart = try Chart(files: Self.files)
    #expect(throws: ValuesError(message: "nmae: there is no such setting; did you mean name?")) {
      try chart.manifests(of: release, values: ["nmae": "x"])
    }
    let error = try #require(throws: ValuesError.self) {
      try chart.manifests(of: release, values: ["name": "[x"])
    }
    #expect(error.message.hasPrefix("templates/a.yaml is not valid YAML with these values: line"))
  }

  @Test("refuse files that they cannot read, with the file's name")
  func refuse() throws {
    var files = Self.files
    files["values.yaml"] = "a: ["
    let error = try #require(throws: ValuesError.self) { try Chart(files: files) }
    #expect(error.message.hasPrefix("values.yaml: line"))
  }
}
