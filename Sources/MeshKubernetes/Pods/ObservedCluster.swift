/// The pods with proxies, the Services, namespaces and nodes of a cluster, with the ways from one to the others.
struct ObservedCluster: Sendable {
  /// What is in a namespace.
  private struct Content: Sendable {
    var namespace: ObservedNamespace?
    var pods: [String: ObservedPod] = [:]
    var services: [String: ObservedService] = [:]
    /// Pods by their labels.
    var podLabels = LabelIndex()
    /// Services by one label of their selectors.
    var selectors = LabelIndex()
    /// The Services whose selectors match every pod, because all their labels are ignored.
    var matchingAll: Set<String> = []

    var isEmpty: Bool { namespace == nil && pods.isEmpty && services.isEmpty }
  }

  private let ignoredLabels: [String]
  private var contents: [String: Content] = [:]
  private var namespaceCount = 0
  private(set) var nodes: [String: [String: String]] = [:]
  private var podsByNode: [String: Set<ObjectName>] = [:]
  private var podsByOwner: [OwnerQuery: Set<ObjectName>] = [:]

  /// - Parameter ignoredLabels: labels that do not count in the selectors of Services.
  init(ignoredLabels: [String]) { self.ignoredLabels = ignoredLabels }

  // MARK: Pods

  subscript(pod name: ObjectName) -> ObservedPod? { contents[name.namespace]?.pods[name.name] }

  var pods: [ObjectName] {
    contents.flatMap { namespace, content in content.pods.keys.map { ObjectName(namespace: namespace, name: $0) } }
  }

  /// Puts a pod in the place of one of that name; `nil` removes it.
  ///
  /// - Returns: the pod of before.
  mutating func set(pod name: ObjectName, _ pod: ObservedPod?) -> ObservedPod? {
    var content = take(name.namespace)
    defer { put(content, in: name.namespace) }
    let old = content.pods.replaceValue(pod, forKey: name.name)
    if old?.labels != pod?.labels {
      content.podLabels.remove(name.name, (old?.labels ?? [:]).pairs)
      content.podLabels.insert(name.name, (pod?.labels ?? [:]).pairs)
    }
    move(name, from: old?.node, to: pod?.node, in: &podsByNode)
    move(name, from: old?.ownerQuery, to: pod?.ownerQuery, in: &podsByOwner)
    return old
  }

  /// The pods of a namespace.
  func pods(in namespace: String) -> [ObjectName] {
    (contents[namespace]?.pods.keys).map { $0.map { ObjectName(namespace: namespace, name: $0) } } ?? []
  }

  /// The pods on a node.
  func pods(on node: String) -> Set<ObjectName> { podsByNode[node] ?? [] }

  /// The pods of a ReplicaSet or Job.
  func pods(of owner: OwnerQuery) -> Set<ObjectName> { podsByOwner[owner] ?? [] }

  /// The pods that a Service selects.
  func pods(of service: ObservedService) -> [ObjectName] {
    guard !service.selector.isEmpty, let content = contents[service.name.namespace] else { return [] }
    let pairs = keyPairs(of: service)
    let candidates = pairs.map { content.podLabels[$0] }.min { $0.count < $1.count } ?? Set(content.pods.keys)
    return candidates.compactMap { name in
      guard let pod = content.pods[name], service.selects(pod.labels, ignoring: ignoredLabels) else { return nil }
      return pod.name
    }
  }

  // MARK: Services

  subscript(service name: ObjectName) -> ObservedService? { contents[name.namespace]?.services[name.name] }

  var services: [ObjectName] {
    contents.flatMap { namespace, content in
      content.services.keys.map { ObjectName(namespace: namespace, name: $0) }
    }
  }

  /// Puts a Service in the place of one of that name; `nil` removes it.
  ///
  /// - Returns: the Service of before.
  mutating func set(service name: ObjectName, _ service: ObservedService?) -> ObservedService? {
    var content = take(name.namespace)
    defer { put(content, in: name.namespace) }
    let old = content.services.replaceValue(service, forKey: name.name)
    if let old {
      content.selectors.remove(name.name, keyPair(of: old))
      content.matchingAll.remove(name.name)
    }
    if let service, !service.selector.isEmpty {
      let pair = keyPair(of: service)
      content.selectors.insert(name.name, pair)
      if pair.isEmpty { content.matchingAll.insert(name.name) }
    }
    return old
  }

  /// The Services of a namespace.
  func services(in namespace: String) -> [ObservedService] {
    (contents[namespace]?.services.values).map(Array.init) ?? []
  }

  /// The Services that select a pod.
  func services(of pod: ObservedPod) -> [ObservedService] {
    guard let content = contents[pod.name.namespace] else { return [] }
    let names = pod.labels.pairs.reduce(into: content.matchingAll) { $0.formUnion(content.selectors[$1]) }
    return names.compactMap { content.services[$0] }
      .filter { $0.selects(pod.labels, ignoring: ignoredLabels) }
  }

  /// The labels of a selector that count.
  private func keyPairs(of service: ObservedService) -> [LabelIndex.Pair] {
    service.selector.filter { !ignoredLabels.contains($0.key) }.pairs
  }

  /// The label under which a Service is found; none for one that matches all pods.
  private func keyPair(of service: ObservedService) -> [LabelIndex.Pair] {
    keyPairs(of: service).min { $0.key < $1.key }.map { [$0] } ?? []
  }

  // MARK: Namespaces and nodes

  subscript(namespace name: String) -> ObservedNamespace? { contents[name]?.namespace }

  /// The namespace of a pod; `nil` when it is not known yet. Where no namespace may be read, none says anything.
  func namespace(of pod: ObservedPod) -> ObservedNamespace? {
    self[namespace: pod.name.namespace] ?? (namespaceCount == 0 ? ObservedNamespace() : nil)
  }

  var namespaces: [String] { contents.filter { $0.value.namespace != nil }.map(\.key) }

  /// Puts a namespace in the place of one of that name; `nil` removes it.
  ///
  /// - Returns: the namespace of before.
  mutating func set(namespace name: String, _ namespace: ObservedNamespace?) -> ObservedNamespace? {
    var content = take(name)
    defer { put(content, in: name) }
    let old = content.namespace
    content.namespace = namespace
    namespaceCount += (namespace == nil ? 0 : 1) - (old == nil ? 0 : 1)
    return old
  }

  /// Puts the labels of a node in the place of those of before; `nil` removes them.
  ///
  /// - Returns: the labels of before.
  mutating func set(node name: String, _ labels: [String: String]?) -> [String: String]? {
    nodes.replaceValue(labels, forKey: name)
  }

  // MARK: Changing

  /// Takes what is in a namespace out, so that it is changed in its place.
  private mutating func take(_ namespace: String) -> Content { contents.removeValue(forKey: namespace) ?? Content() }

  private mutating func put(_ content: Content, in namespace: String) {
    if !content.isEmpty { contents[namespace] = content }
  }
}

private func move<Key: Hashable>(
  _ name: ObjectName, from old: Key?, to new: Key?, in table: inout [Key: Set<ObjectName>]
) {
  guard old != new else { return }
  if let old, let index = table.index(forKey: old) {
    table.values[index].remove(name)
    if table.values[index].isEmpty { table.remove(at: index) }
  }
  if let new { table[new, default: []].insert(name) }
}

extension ObservedPod {
  /// The question by which the workload of the pod is found; `nil` when the pod says it itself.
  var ownerQuery: OwnerQuery? {
    guard let owner = owners.first, OwnerQuery.kinds[owner.kind] != nil else { return nil }
    return OwnerQuery(kind: owner.kind, object: ObjectName(namespace: name.namespace, name: owner.name))
  }
}

extension Dictionary {
  /// Puts a value in the place of one of before; `nil` removes it.
  fileprivate mutating func replaceValue(_ value: Value?, forKey key: Key) -> Value? {
    guard let value else { return removeValue(forKey: key) }
    return updateValue(value, forKey: key)
  }
}
