import ChartTemplates
import MeshModel
import OrderedCollections
import Testing

@testable import KumactlCommands

@Suite("The chart in kumactl")
struct EmbeddedChartTests {
  @Test("installs this version")
  func version() throws {
    let chart = try Chart(files: EmbeddedChart.files)
    #expect(chart.appVersion == ProductVersion.current)
    let text = try #require(EmbeddedChart.files["Chart.yaml"])
    #expect(try DocumentValue.yamlDocuments(text).first?["version"]?.string == ProductVersion.current)
  }

  @Test("describes each value in the schema")
  func schema() throws {
    let chart = try Chart(files: EmbeddedChart.files)
    let schema = try DocumentValue(json: try #require(EmbeddedChart.files["values.schema.json"]).utf8)
    func check(_ values: DocumentValue.Object, _ schema: DocumentValue?, _ path: String) {
      for (key, value) in values {
        let known = schema?["properties"]?[key]
        #expect(known != nil, "\(path)\(key)")
        guard let object = value.object, known?["properties"] != nil else { continue }
        check(object, known, "\(path)\(key).")
      }
      let described = Set((schema?["properties"]?.object ?? [:]).keys)
      #expect(described == Set(values.keys), "\(path)")
    }
    check(chart.values, schema, "")
  }

  /// The API server must not answer before the control plane, whose messages are Kuma's.
  @Test("has custom resources whose specifications any value fits, and describes each field")
  func customResources() throws {
    var count = 0
    func check(_ schema: DocumentValue?, _ path: String) {
      count += 1
      #expect(schema?["x-kubernetes-preserve-unknown-fields"] == true, "\(path)")
      if !path.hasSuffix("[]") { #expect(schema?["description"]?.string?.hasSuffix(".") == true, "\(path)") }
      let allowed: Set = ["x-kubernetes-preserve-unknown-fields", "description", "properties", "items"]
      let keys = Set((schema?.object ?? [:]).keys)
      #expect(keys.isSubset(of: allowed), "\(path)")
      for (name, field) in schema?["properties"]?.object ?? [:] { check(field, "\(path).\(name)") }
      if let items = schema?["items"] { check(items, "\(path)[]") }
    }
    for text in EmbeddedChart.customResources {
      let definition = try #require(DocumentValue.yamlDocuments(text).first)
      let kind = definition["spec"]?["names"]?["kind"]?.string ?? ""
      let type = try #require(ResourceType(rawValue: kind))
      #expect(definition["metadata"]?["name"]?.string == "\(type.kubernetesPlural).kuma.io")
      #expect((definition["spec"]?["scope"] == "Namespaced") == type.isNamespacedInKubernetes)
      let version = try #require(definition["spec"]?["versions"]?.array?.first)
      let columns = version["additionalPrinterColumns"]?.array ?? []
      #expect(columns.last?["name"] == "Age")
      let properties = version["schema"]?["openAPIV3Schema"]?["properties"]
      #expect(properties?["mesh"]?["type"] == "string")
      check(properties?[type.kubernetesPayloadKey], "\(kind).\(type.kubernetesPayloadKey)")
    }
    #expect(count > 80)
  }

  @Test(
    "prints no manifest for wrong options",
    arguments: [
      (["--mode", "global"], "--mode: \"global\" is not supported"),
      (["--cni-enabled"], "--cni-enabled is not supported: an init container redirects the traffic of pods"),
      (
        ["--kds-global-address", "grpcs://global:5685"],
        "--kds-global-address is not supported: a control plane is one zone"
      ),
      (["--namespace", "A"], "--namespace: \"A\" is not a valid Kubernetes namespace"),
      (["--set", "controlPlane.replica=2"], "controlPlane.replica: there is no such setting; did you mean replicas?"),
      (["--set", "x"], "--set: key \"x\" has no value"), (["--values", "/nowhere.yaml"], "/nowhere.yaml"),
      (["--kube-version", "new"], "--kube-version: \"new\" is not a version such as 1.30.0"),
      (["--kube-version", "v1.19.5"], "--kube-version: the chart needs Kubernetes >=1.20.0-0, and not \"v1.19.5\""),
      (["--image-pull-policy", "Often"], "Often"),
    ])
  func refuse(options: [String], message: String) async throws {
    try await KumactlProcess.withHome { kumactl in
      let result = try await kumactl.run(["install", "control-plane"] + options)
      #expect(result.status == 1)
      #expect(result.output.isEmpty)
      #expect(result.errors.contains(message), "\(result.errors)")
    }
  }
}
