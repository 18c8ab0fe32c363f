import Documents

extension ContainerPlan {
  /// The environment of a container: the runtime's variables, the image's, those of `envFrom` and those of `env`, of which a later
  /// one wins.
  static func environment(
    of container: DocumentValue, image: ContainerImage, facts: PodFacts, runtime: [String: String]
  ) throws(PodNetworkError) -> [String: String] {
    var result = runtime.merging(image.environment) { $1 }
    var own: [String: String] = [:]
    for source in container["envFrom"]?.array ?? [] {
      let prefix = source["prefix"]?.string ?? ""
      for (key, kind) in [("configMapRef", PodFacts.Reference.Kind.configMap), ("secretRef", .secret)] {
        guard let reference = source[key] else { continue }
        for (name, value) in try data(reference, kind, facts) ?? [:] {
          own[prefix + name] = String(decoding: value, as: UTF8.self)
        }
      }
    }
    for variable in container["env"]?.array ?? [] {
      guard let name = variable["name"]?.string else { continue }
      if let source = variable["valueFrom"] {
        guard let value = try value(from: source, container, facts) else { continue }
        own[name] = value
      } else {
        own[name] = expand(variable["value"]?.scalarText ?? "", own)
      }
    }
    result.merge(own) { $1 }
    return result
  }

  private static func value(
    from source: DocumentValue, _ container: DocumentValue, _ facts: PodFacts
  ) throws(PodNetworkError) -> String? {
    if let path = source["fieldRef"]?["fieldPath"]?.string { return try facts.field(path) }
    if let reference = source["resourceFieldRef"] { return try facts.resource(reference, of: container) }
    for (key, kind) in [("configMapKeyRef", PodFacts.Reference.Kind.configMap), ("secretKeyRef", .secret)] {
      guard let reference = source[key] else { continue }
      let name = reference["key"]?.string ?? ""
      if let value = try data(reference, kind, facts)?[name] { return String(decoding: value, as: UTF8.self) }
      if reference["optional"]?.bool == true { return nil }
      let object = PodFacts.Reference(kind: kind, name: reference["name"]?.string ?? "")
      throw PodNetworkError(code: .badPod, message: "couldn't find key \(name) in \(object.words)")
    }
    throw PodNetworkError(code: .badPod, message: "a variable has a source that is not known here")
  }

  /// The data of an object that a container refers to; `nil` when it is optional and does not exist.
  static func data(
    _ reference: DocumentValue, _ kind: PodFacts.Reference.Kind, _ facts: PodFacts
  ) throws(PodNetworkError) -> [String: [UInt8]]? {
    let name = reference["name"]?.string ?? reference["secretName"]?.string ?? ""
    let object = PodFacts.Reference(kind: kind, name: name)
    if let data = facts.objects[object] { return data }
    if reference["optional"]?.bool == true { return nil }
    throw PodNetworkError(code: .badPod, message: "\(object.words) not found")
  }

  /// Replaces `$(NAME)` by the variable's value. What is not known stays, and `$$` stands for a dollar sign. Source:
  /// https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
  static func expand(_ text: String, _ variables: [String: String]) -> String {
    var result = ""
    var rest = text[...]
    while let dollar = rest.firstIndex(of: "$") {
      result += rest[..<dollar]
      rest = rest[dollar...].dropFirst()
      if rest.first == "$" {
        result += "$"
        rest = rest.dropFirst()
      } else if rest.first == "(", let end = rest.firstIndex(of: ")") {
        let name = String(rest[rest.index(after: rest.startIndex)..<end])
        result += variables[name] ?? "$(\(name))"
        rest = rest[rest.index(after: end)...]
      } else {
        result += "$"
      }
    }
    return result + rest
  }
}
