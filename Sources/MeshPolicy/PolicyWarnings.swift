public import MeshModel

/// Warnings about policies and backends that are accepted but will not do what their author expects.
///
/// Kuma accepts all of these silently.
public enum PolicyWarnings {
  /// How many names a sentence lists, and how many similar sentences are written, before the rest is only counted.
  private static let limit = 5

  /// Warnings about the backend that a policy resolves to.
  public static func backend(
    of policy: TrafficTrace, name: String, mesh: Mesh, meshName: String
  ) -> [String] {
    switch BackendResolution(policy, in: mesh) {
    case .found: return []
    case .unknown(let backend):
      let backends = mesh.tracing?.backends.map(\.name) ?? []
      let hint: String
      if let nearest = NearestName.find(backend, among: backends) {
        hint = "did you mean \"\(nearest.abridged())\"?"
      } else if backends.isEmpty {
        hint = "it has none."
      } else {
        hint = "it has \(list(backends))."
      }
      return [
        "TrafficTrace \"\(name)\" names the tracing backend \"\(backend.abridged())\", which mesh \"\(meshName)\" does not have; "
          + "\(hint) Nothing will be traced."
      ]
    case .noDefault:
      // A default that names no backend of the mesh would be refused.
      let hasBackends = mesh.tracing?.backends.isEmpty == false
      return [
        "TrafficTrace \"\(name)\" names no tracing backend, and mesh \"\(meshName)\" has no tracing.defaultBackend. "
          + "Nothing will be traced; "
          + (hasBackends ? "set conf.backend or the default." : "add a backend to the mesh and make it the default.")
      ]
    }
  }

  /// The warning that the mesh of a resource does not exist, where that is no error.
  public static func missingMesh(of resource: Resource) -> String {
    "\(resource.type.rawValue) \"\(resource.name)\" belongs to mesh \"\(resource.mesh.abridged())\", which does not exist. "
      + "It has no effect until the mesh is created."
  }

  /// The warning that no proxy matches a policy. There is none while the mesh has no proxies at all.
  ///
  /// - Parameter proxies: all proxies of the mesh.
  public static func unmatched(
    _ policy: TrafficTrace, name: String, meshName: String, proxies: [Dataplane]
  ) -> [String] {
    guard !proxies.isEmpty else { return [] }
    var values: [String: Set<String>] = [:]
    for proxy in proxies { values.merge(proxy.tagValues) { $0.union($1) } }
    let all =
      proxies.count == 1
      ? "does not match the one data plane proxy" : "matches none of the \(proxies.count) data plane proxies"
    let sentence = "TrafficTrace \"\(name)\" \(all) of mesh \"\(meshName)\""
    guard let hint = policy.selectors.lazy.compactMap({ hint(for: $0, values: values) }).first else {
      return [sentence + ": no single inbound has all tags of a selector."]
    }
    return [sentence + ": " + hint]
  }

  /// Which tag of a selector no proxy has.
  private static func hint(for selector: TrafficTrace.Selector, values: [String: Set<String>]) -> String? {
    for (tag, value) in selector.match.sorted(by: { $0.key < $1.key }) {
      guard let known = values[tag] else {
        let nearest = NearestName.find(tag, among: values.keys).map { "; did you mean \"\($0)\"?" } ?? "."
        return "none has the tag \"\(tag)\"\(nearest)"
      }
      guard value != TrafficTrace.wildcard, !known.contains(value) else { continue }
      let nearest = NearestName.find(value, among: known).map { "; did you mean \"\($0)\"?" } ?? "."
      return "none has the tag \"\(tag)\" with the value \"\(value.abridged())\"\(nearest)"
    }
    return nil
  }

  /// The warning that a policy matches proxies but applies to none of them.
  ///
  /// - Parameters:
  ///   - matched: how many proxies it matches.
  ///   - winners: the policies that apply to them instead.
  public static func overshadowed(name: String, matched: Int, winners: Set<String>) -> [String] {
    guard matched > 0, !winners.isEmpty else { return [] }
    let proxies = matched == 1 ? "the one proxy that it matches" : "each of the \(matched) proxies that it matches"
    let others = winners.subtracting([name]).sorted()
    return [
      "TrafficTrace \"\(name)\" applies to no proxy: \(proxies) has a more specific or later created policy, "
        + "\(list(others))."
    ]
  }

  /// Warnings about settings of a mesh's backends that are accepted but have an unexpected effect.
  public static func settings(of mesh: Mesh) -> [String] {
    let outdated = (mesh.tracing?.backends ?? []).filter { backend in
      backend.kind == .zipkin && (try? backend.zipkin())?.apiVersion == "httpJsonV1"
    }
    return few(outdated.map(\.name)) { name in
      "Tracing backend \"\(name.abridged())\" has apiVersion \"httpJsonV1\", which Envoy no longer supports; spans are sent "
        + "as JSON of version 2. Use \"httpJson\"."
    } rest: { names in
      "The same holds for \(names.count == 1 ? "the tracing backend" : "the tracing backends") \(list(names))."
    }
  }

  /// Warnings about policies of a mesh whose backend does not exist.
  ///
  /// - Parameter before: the mesh before an update. Policies that had no backend then are left out, because the update
  ///   did not cause the problem. `nil` includes all policies.
  public static func policies(
    _ policies: [(name: String, policy: TrafficTrace)], losingBackendsIn mesh: Mesh, meshName: String, before: Mesh?
  ) -> [String] {
    var users: [String: [String]] = [:]
    for (name, policy) in policies where BackendResolution(policy, in: mesh).backend == nil {
      if let before, BackendResolution(policy, in: before).backend == nil { continue }
      users[policy.backend, default: []].append(name)
    }
    return few(users.sorted { $0.key < $1.key }) { backend, names in
      let isOne = names.count == 1
      let policies = "TrafficTrace \(list(names.sorted()))"
      let missing =
        backend.isEmpty
        ? "no tracing.defaultBackend, on which \(policies) \(isOne ? "relies" : "rely")"
        : "no tracing backend \"\(backend.abridged())\", which \(policies) \(isOne ? "names" : "name")"
      return "Mesh \"\(meshName)\" has \(missing). Nothing will be traced there."
    } rest: { others in
      "Mesh \"\(meshName)\" has none of the tracing backends \(list(others.map(\.key))) either, which policies name."
    }
  }

  /// A few names in quotes, and the number of the others.
  package static func list(_ names: some Collection<String>) -> String { join(names) { "\"\($0.abridged())\"" } }

  /// A few items as text, and the number of the others.
  static func join<Item>(_ items: some Collection<Item>, _ text: (Item) -> String) -> String {
    let shown = items.prefix(limit).map(text).joined(separator: ", ")
    let rest = items.count - min(items.count, limit)
    return rest == 0 ? shown : "\(shown) and \(rest) more"
  }

  /// One sentence for each of the first items, and one for all others.
  static func few<Item>(
    _ items: some Collection<Item>, _ sentence: (Item) -> String, rest: (ArraySlice<Item>) -> String
  ) -> [String] {
    let items = Array(items)
    let others = items.dropFirst(limit)
    return items.prefix(limit).map(sentence) + (others.isEmpty ? [] : [rest(others)])
  }
}
