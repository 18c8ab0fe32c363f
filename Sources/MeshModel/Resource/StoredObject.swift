import OrderedCollections

extension Resource {
  /// The object to store in a cluster for the resource.
  ///
  /// Of an object that is there already, only what the resource says is replaced: the mesh, the labels and the known fields of
  /// the payload. Everything else stays: annotations, owners, finalizers, fields that are not known.
  ///
  /// - Parameter present: the object as it is stored; `nil` for a new one.
  /// - Throws: ``DocumentError`` when the name does not say in which namespace the object belongs.
  package func storedObject(over present: DocumentValue.Object? = nil) throws(DocumentError) -> DocumentValue.Object {
    let names = try type.kubernetesNames(of: name)
    var object = present ?? emptyObject
    if type.isMeshScoped, !type.isSecret { object["mesh"] = .string(mesh) }
    var metadata = present?["metadata"]?.object ?? [:]
    metadata["name"] = .string(names.name)
    if type.isNamespacedInKubernetes { metadata["namespace"] = .string(names.namespace) }
    setLabels(of: &metadata, names)
    object["metadata"] = .object(metadata)
    if type.isSecret {
      setSecretData(of: &object)
      return object
    }

    let key = type.kubernetesPayloadKey
    let payload = payload(over: present)
    if payload.isEmpty, object[key]?.object?.isEmpty != true {
      object[key] = nil
    } else {
      object[key] = .object(payload)
    }
    return object
  }

  /// Sets the labels. What the reader of an object derives is left out; a display name is an annotation, since labels end at 63
  /// characters. Source: Kuma 2.7.
  private func setLabels(of metadata: inout DocumentValue.Object, _ names: (name: String, namespace: String)) {
    let given = metadata["labels"]?.tags ?? [:]
    var labels = type.isSecret ? secretLabels : self.labels
    if labels[KubernetesLabel.namespace] == names.namespace, given[KubernetesLabel.namespace] == nil {
      labels[KubernetesLabel.namespace] = nil
    }
    if let displayName = labels.removeValue(forKey: KubernetesLabel.displayName) {
      var annotations = metadata["annotations"]?.object ?? [:]
      if given[KubernetesLabel.displayName] == displayName {
        labels[KubernetesLabel.displayName] = displayName
      } else if annotations[KubernetesLabel.displayName] != nil || displayName != names.name {
        annotations[KubernetesLabel.displayName] = .string(displayName)
        metadata["annotations"] = .object(annotations)
      }
    }
    if labels.isEmpty { metadata["labels"] = nil } else if labels != given { metadata["labels"] = .tags(labels) }
  }

  private func payload(over present: DocumentValue.Object?) -> DocumentValue.Object {
    let new = spec.content.document
    guard let old = present?[type.kubernetesPayloadKey], case .object(let object) = old,
      let read = try? ResourceSpec.read(type, old)
    else { return new }
    // What says the same stays as it was written.
    guard read.spec != spec else { return object }
    return UnknownFields(read.notices).keep(of: object, in: new, path: "")
  }
}

/// Fields of a document that its reader does not know, by the path of the object in which they stand.
private struct UnknownFields {
  private var names: [String: Set<String>] = [:]

  init(_ notices: [FieldNotice]) {
    for notice in notices { names[notice.path, default: []].insert(notice.name) }
  }

  /// Puts the unknown fields of an old object into the new one.
  func keep(of old: DocumentValue.Object, in new: DocumentValue.Object, path: String) -> DocumentValue.Object {
    guard !names.isEmpty else { return new }
    var result = new
    for (key, value) in old {
      if names[path]?.contains(key) == true {
        if result[key] == nil { result[key] = value }
      } else if let newValue = new[key] {
        result[key] = keep(of: value, in: newValue, path: path.isEmpty ? key : "\(path).\(key)")
      }
    }
    return result
  }

  private func keep(of old: DocumentValue, in new: DocumentValue, path: String) -> DocumentValue {
    switch (old, new) {
    case (.object(let old), .object(let new)): return .object(keep(of: old, in: new, path: path))
    case (.array(let old), .array(let new)):
      return .array(
        new.enumerated().map { index, item in
          // Items with names are the same where their names are, others where their places are.
          let name = item["name"]?.string
          let place = name.map { name in old.firstIndex { $0["name"]?.string == name } } ?? index
          guard let place, old.indices.contains(place), old[place]["name"]?.string == name else { return item }
          return keep(of: old[place], in: item, path: "\(path)[\(place)]")
        })
    default: return new
    }
  }
}
