package import Documents
import OrderedCollections

/// A Helm chart whose templates keep to the subset that ``TemplateParser`` reads. Its results are those of `helm template`.
package struct Chart: Sendable {
  /// The values of the chart, before any others.
  package let values: DocumentValue.Object
  /// The text of `values.yaml`, with its comments.
  package let valuesText: String
  /// The version of what the chart installs.
  package let appVersion: String

  private let name: String
  private let version: String
  private let kubernetesVersions: String
  private let schema: ValuesSchema
  private let templates: [ParsedTemplate]
  private let customResources: [(file: String, text: String)]

  /// For whom the templates are rendered.
  package struct Release: Sendable {
    /// The name of the release.
    package var name: String
    /// The namespace of the objects.
    package var namespace: String
    /// The version of the cluster, such as `1.30.0`.
    package var kubernetesVersion: String

    package init(name: String, namespace: String, kubernetesVersion: String) {
      self.name = name
      self.namespace = namespace
      self.kubernetesVersion = kubernetesVersion
    }
  }

  /// A document that a template gave.
  package struct Manifest: Sendable {
    /// The text, with its comments.
    package var text: String
    /// The same, read.
    package var object: DocumentValue
  }

  /// Reads a chart.
  ///
  /// - Parameter files: the texts of the files by their paths in the chart: `Chart.yaml`, `values.yaml`,
  ///   `values.schema.json` and those below `templates/` and `crds/`.
  /// - Throws: ``TemplateError`` for a template that cannot be read, ``ValuesError`` for any other file.
  package init(files: [String: String]) throws {
    let description = try Self.document("Chart.yaml", files)
    name = description["name"]?.string ?? ""
    version = description["version"]?.string ?? ""
    appVersion = description["appVersion"]?.string ?? ""
    kubernetesVersions = description["kubeVersion"]?.string ?? ">=0.0.0-0"
    values = try Self.document("values.yaml", files).object ?? [:]
    valuesText = files["values.yaml"] ?? ""
    schema = ValuesSchema(try Self.document("values.schema.json", files))
    var templates: [ParsedTemplate] = []
    for (file, source) in files.sorted(by: { $0.key < $1.key }) where file.hasPrefix("templates/") {
      templates.append(try TemplateParser.parse(file: file, source: source))
    }
    self.templates = templates
    customResources = files.filter { $0.key.hasPrefix("crds/") }.sorted { $0.key < $1.key }
      .map { (file: $0.key, text: $0.value) }
  }

  private static func document(_ file: String, _ files: [String: String]) throws(ValuesError) -> DocumentValue {
    do throws(DocumentError) {
      return try DocumentValue.yamlDocuments(files[file] ?? "").first ?? .null
    } catch {
      throw ValuesError(message: "\(file): \(error)")
    }
  }

  /// Why the chart cannot be installed on a version of Kubernetes, as a sentence; `nil` when it can.
  package func refusal(ofKubernetes version: String) -> String? {
    do throws(FunctionError) {
      guard try VersionConstraint(kubernetesVersions).allows(try Version(version)) else {
        return "the chart needs Kubernetes \(kubernetesVersions), and not \(version.quoted)"
      }
      return nil
    } catch {
      return error.message
    }
  }

  /// Renders all manifests, those of custom resources among them, in the order in which they are to be applied.
  ///
  /// - Parameter values: the values of the chart with those of the user over them.
  /// - Throws: ``ValuesError`` for values that the schema refuses or that make no valid manifest, ``TemplateError`` when a
  ///   template cannot be rendered.
  package func manifests(of release: Release, values: DocumentValue.Object) throws -> [Manifest] {
    let violations = schema.violations(of: values)
    guard violations.isEmpty else { throw ValuesError(message: violations.joined(separator: "\n")) }
    let root: DocumentValue = [
      "Values": .object(values),
      "Release": [
        "Name": .string(release.name), "Namespace": .string(release.namespace), "Service": "Helm", "Revision": 1,
        "IsInstall": true, "IsUpgrade": false,
      ],
      "Chart": ["Name": .string(name), "Version": .string(version), "AppVersion": .string(appVersion)],
      "Capabilities": ["KubeVersion": ["Version": .string(release.kubernetesVersion)]],
    ]
    var manifests: [Manifest] = []
    for (file, text) in customResources {
      manifests.append(Manifest(text: text, object: try Self.read(text, from: file)))
    }
    for template in templates where template.file.hasSuffix(".yaml") {
      var renderer = TemplateRenderer(root: root, templates: templates)
      for text in Self.documents(in: try renderer.render(template)) {
        let object = try Self.read(text, from: template.file)
        if object != .null { manifests.append(Manifest(text: text, object: object)) }
      }
    }
    // Stable, as the order within a kind is the order of files.
    return manifests.enumerated().sorted { a, b in
      let (one, other) = (Self.rank(of: a.element.object), Self.rank(of: b.element.object))
      return one == other ? a.offset < b.offset : one < other
    }.map(\.element)
  }

  private static func documents(in text: String) -> [String] {
    var documents: [String] = []
    var lines: [Substring] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) + [Substring("---")] {
      guard line.hasPrefix("---") else {
        lines.append(line)
        continue
      }
      let isBlank = { (line: Substring) in line.allSatisfy(\.isWhitespace) }
      let kept = lines.drop(while: isBlank)
      if let last = kept.lastIndex(where: { !isBlank($0) }) {
        documents.append(kept[...last].joined(separator: "\n") + "\n")
      }
      lines = []
    }
    return documents
  }

  private static func read(_ text: String, from file: String) throws(ValuesError) -> DocumentValue {
    do throws(DocumentError) {
      return try DocumentValue.yamlDocuments(text).first ?? .null
    } catch {
      throw ValuesError(message: "\(file) is not valid YAML with these values: \(error)")
    }
  }

  /// The order of kinds in which objects depend on each other. Source: Helm's order of installation.
  private static let kinds = [
    "Namespace", "NetworkPolicy", "PodDisruptionBudget", "ServiceAccount", "CustomResourceDefinition", "ClusterRole",
    "ClusterRoleBinding", "Role", "RoleBinding", "Service", "Deployment", "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
  ]

  private static func rank(of object: DocumentValue) -> Int {
    kinds.firstIndex(of: object["kind"]?.string ?? "") ?? kinds.count
  }
}
