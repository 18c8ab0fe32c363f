import OrderedCollections

/// The names of labels and annotations of Kuma on Kubernetes.
package enum KubernetesLabel {
  /// The name that users know, where it is longer than a label may be or another than the object's. Source: Kuma 2.7.
  package static let displayName = "kuma.io/display-name"
  /// The namespace of the object.
  package static let namespace = "k8s.kuma.io/namespace"
}

extension ResourceDocument {
  /// Reads the Kubernetes form as users write it: without a mesh it belongs to the mesh `default`.
  init(kubernetes document: DocumentValue) throws(DocumentError) {
    let parts = try KubernetesParts(document)
    self.init(
      resource: Resource(
        mesh: parts.mesh ?? parts.labels[SecretObject.meshLabel] ?? "default", name: parts.coreName, spec: parts.spec,
        labels: parts.labels, creationTime: parts.creationTime),
      form: .kubernetes, notices: parts.notices)
  }

  /// Reads an object as it is stored in a cluster: with the names, labels, times and revision that Kuma's store of Kubernetes
  /// gives it. Source: Kuma 2.7.
  ///
  /// - Throws: ``DocumentError`` when a field has a value of the wrong kind, or the object belongs to no mesh.
  package init(stored object: DocumentValue.Object) throws(DocumentError) {
    let parts = try KubernetesParts(.object(object))
    let mesh = parts.mesh ?? ""
    if parts.type.isMeshScoped, mesh.isEmpty {
      throw DocumentError(code: .wrongKind, message: "mesh: cannot be empty")
    }
    self.init(
      resource: Resource(
        mesh: mesh, name: parts.coreName, spec: parts.spec,
        labels: parts.labels.merging(parts.derivedLabels) { given, _ in given },
        creationTime: parts.creationTime, modificationTime: parts.creationTime, revision: parts.revision),
      form: .kubernetes, notices: parts.notices)
  }
}

/// The parts of a document in Kubernetes form.
private struct KubernetesParts {
  var type: ResourceType
  /// The mesh; `nil` when the document has no such key.
  var mesh: String?
  var name = ""
  var namespace = ""
  var labels: [String: String] = [:]
  var displayName: String?
  var creationTime: Timestamp?
  var revision: UInt64 = 0
  var spec: ResourceSpec
  var notices: [FieldNotice]

  /// The name within the mesh: that of an object in a namespace carries the namespace. Source: Kuma 2.7.
  var coreName: String { namespace.isEmpty ? name : "\(name).\(namespace)" }

  /// The labels that every object has without anybody giving them to it.
  var derivedLabels: [String: String] {
    var labels = [KubernetesLabel.displayName: displayName ?? name]
    if !namespace.isEmpty { labels[KubernetesLabel.namespace] = namespace }
    return labels
  }

  init(_ document: DocumentValue) throws(DocumentError) {
    var reader = try ObjectReader(document, path: "")
    type = try Self.type(&reader)
    if !type.isSecret { mesh = try reader.string("mesh") }
    if let value = reader.value("metadata") {
      var metadata = try ObjectReader(value, path: "metadata")
      name = try metadata.string("name") ?? ""
      labels = try metadata.stringMap("labels") ?? [:]
      displayName = try metadata.stringMap("annotations")?[KubernetesLabel.displayName]
      creationTime = try ResourceDocument.time(&metadata, "creationTimestamp")
      revision = try metadata.string("resourceVersion").flatMap(UInt64.init) ?? 0
      if type.isNamespacedInKubernetes { namespace = try metadata.string("namespace") ?? "" }
    }
    if type.isSecret {
      mesh = SecretObject.mesh(of: type, labels: labels)
      let read = try SecretObject.read(type, &reader)
      (spec, notices) = (read.spec, reader.notices() + read.notices)
      return
    }
    let payloadKey = type.kubernetesPayloadKey
    let read = try Self.readPayload(type, reader.value(payloadKey) ?? [:], payloadKey)
    spec = read.spec
    // The status of an object is the control plane's, and no field that a user has misspelt.
    _ = reader.value("status")
    notices = reader.notices() + read.notices.map { $0.inside(payloadKey) }
  }

  /// What the object is by its group, kind and, if it is a Secret, type.
  private static func type(_ reader: inout ObjectReader) throws(DocumentError) -> ResourceType {
    let version = try reader.string("apiVersion") ?? ""
    let kind = try reader.string("kind")
    if version == SecretObject.apiVersion, kind == SecretObject.kind {
      return try SecretObject.type(named: try reader.string("type"))
    }
    guard version == ResourceDocument.apiVersion else {
      throw DocumentError(
        code: .unknownType, message: "apiVersion has to be \"\(ResourceDocument.apiVersion)\", not \"\(version)\"")
    }
    let type = try ResourceDocument.type(named: kind)
    guard !type.isSecret else {
      throw DocumentError(
        code: .unknownType,
        message:
          "a \(type.rawValue) has the apiVersion \"\(SecretObject.apiVersion)\", the kind \"\(SecretObject.kind)\" "
          + "and the type \"\(type.kubernetesSecretType ?? "")\"")
    }
    return type
  }

  private static func readPayload(
    _ type: ResourceType, _ payload: DocumentValue, _ key: String
  ) throws(DocumentError) -> (spec: ResourceSpec, notices: [FieldNotice]) {
    guard payload.object != nil else { throw ObjectReader.wrongKind(payload, path: key, expected: "an object") }
    do throws(DocumentError) {
      return try ResourceSpec.read(type, payload)
    } catch {
      throw DocumentError(code: error.code, message: "\(key).\(error.message)")
    }
  }
}

extension Resource {
  /// The labels without those that every object in a cluster has.
  ///
  /// A resource that comes back from a cluster has them, the resource that was written has not.
  package var ownLabels: [String: String] {
    let (name, namespace) = kubernetesNames
    var own = labels
    if own[KubernetesLabel.displayName] == name { own[KubernetesLabel.displayName] = nil }
    if let namespace, own[KubernetesLabel.namespace] == namespace { own[KubernetesLabel.namespace] = nil }
    if type.isSecret, own[SecretObject.meshLabel] == mesh { own[SecretObject.meshLabel] = nil }
    return own
  }

  /// The object's name and, if the resource comes from a namespace, that namespace.
  var kubernetesNames: (name: String, namespace: String?) {
    guard type.isNamespacedInKubernetes, let namespace = labels[KubernetesLabel.namespace],
      let names = try? type.kubernetesNames(of: name), names.namespace == namespace
    else { return (name, nil) }
    return (names.name, namespace)
  }

  /// The object without anything but what says which kind it is of.
  var emptyObject: DocumentValue.Object {
    if let secretType = type.kubernetesSecretType {
      return [
        "apiVersion": .string(SecretObject.apiVersion), "kind": .string(SecretObject.kind), "type": .string(secretType),
      ]
    }
    return ["apiVersion": .string(ResourceDocument.apiVersion), "kind": .string(type.rawValue)]
  }

  /// The resource in Kubernetes form, keys in the order in which Kuma's API gives them.
  var kubernetesDocument: DocumentValue.Object {
    let (name, namespace) = kubernetesNames
    var object = emptyObject
    if type.isMeshScoped, !type.isSecret { object["mesh"] = .string(mesh) }
    var metadata: DocumentValue.Object = ["name": .string(name)]
    if let namespace { metadata["namespace"] = .string(namespace) }
    if let creationTime { metadata["creationTimestamp"] = .string(creationTime.description) }
    let labels = type.isSecret ? secretLabels.filter { $0.key != KubernetesLabel.displayName } : ownLabels
    if !labels.isEmpty { metadata["labels"] = .tags(labels) }
    object["metadata"] = .object(metadata)
    if type.isSecret {
      setSecretData(of: &object)
      return object
    }
    let content = spec.content.document
    if !content.isEmpty { object[type.kubernetesPayloadKey] = .object(content) }
    return object
  }
}

extension ResourceType {
  /// The object's name and namespace for a resource's name; the namespace is empty outside namespaces.
  ///
  /// - Throws: ``DocumentError`` when the name of a resource in a namespace does not say which. Source of the text: Kuma 2.7.
  package func kubernetesNames(of name: String) throws(DocumentError) -> (name: String, namespace: String) {
    guard isNamespacedInKubernetes else { return (name, "") }
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex, name.index(after: dot) != name.endIndex else {
      throw DocumentError(
        code: .wrongKind,
        message: "name \"\(name.printable(atMost: 253))\" must include namespace after the dot, ex. \"name.namespace\"")
    }
    return (String(name[..<dot]), String(name[name.index(after: dot)...]))
  }

  /// Why no object can have a resource's name; `nil` when one can.
  package func refusal(ofNameInCluster name: String) -> String? {
    do throws(DocumentError) {
      _ = try kubernetesNames(of: name)
      return nil
    } catch {
      return error.message
    }
  }
}
