import OrderedCollections

/// What documents and texts must not tell when they leave the control plane: passwords in URLs, values of headers, private keys.
///
/// Everything secret is replaced by ``mask``. A document that comes back with the mask keeps what is stored in its place:
/// ``restore(_:from:)``.
package enum Redaction {
  /// What stands in the place of something secret.
  package static let mask = "***"

  /// A document with masks.
  package static func masked(_ document: DocumentValue) -> DocumentValue { masked(document, at: Place()) }

  /// An object with masks.
  package static func masked(_ object: DocumentValue.Object) -> DocumentValue.Object { masked(object, at: Place()) }

  static func masked(_ value: DocumentValue, at place: Place) -> DocumentValue {
    switch value {
    case .object(let object): return .object(masked(object, at: place))
    case .array(let items): return .array(items.map { masked($0, at: place.item) })
    case .string(let text):
      if place.isAppliedDocument { return .string(masked(json: text)) }
      if text.isEmpty { return value }
      return .string(place.isSecret || SecretText.isPrivateKey(text) ? mask : SecretText.masked(text, isValue: true))
    case .integer, .number: return place.isSecret ? .string(mask) : value
    case .null, .bool: return value
    }
  }

  static func masked(_ object: DocumentValue.Object, at place: Place) -> DocumentValue.Object {
    let isSecret = isSecret(object)
    var result = object
    for (key, value) in object {
      result[key] = isSecret && secretKeys.contains(key) ? .string(mask) : masked(value, at: place.field(key))
    }
    return result
  }

  /// Whether an object is a secret, in one of the forms of a resource.
  private static func isSecret(_ object: DocumentValue.Object) -> Bool {
    object["kind"]?.string == SecretObject.kind
      || object["type"]?.string.flatMap(ResourceType.init(rawValue:))?.isSecret == true
  }

  private static let secretKeys: Set<String> = ["data", "stringData"]

  /// The body of a request in JSON, with masks; a body that is no JSON is masked as a whole.
  package static func masked(json text: String) -> String {
    guard let document = try? DocumentValue(json: text.utf8) else { return mask }
    return masked(document).json()
  }

  /// The paths of the masks in a document, in its order.
  package static func maskedPaths(in document: DocumentValue) -> [String] {
    var paths: [String] = []
    func walk(_ value: DocumentValue, _ place: Place) {
      switch value {
      case .object(let object): for (key, value) in object { walk(value, place.field(key)) }
      case .array(let items): for (index, item) in items.enumerated() { walk(item, place.item(index)) }
      case .string(let text): if text == mask || SecretText.hasMask(text) { paths.append(place.path) }
      case .null, .bool, .integer, .number: break
      }
    }
    walk(document, Place())
    return paths
  }

  /// A text for people, such as a warning or a line of a log, with masks.
  package static func masked(text: String) -> String {
    SecretText.masked(SecretText.withoutPrivateKeys(text), isValue: false)
  }
}

extension Redaction {
  /// Where a value stands in a document.
  struct Place {
    /// The path, for messages.
    private(set) var path = ""
    /// The name of the field in which the value, or the list that contains it, stands.
    private var field = ""
    /// The name of the field around it.
    private var parent = ""

    func field(_ name: String) -> Place {
      var place = Place()
      place.path = path.isEmpty ? name : "\(path).\(name)"
      place.field = name
      place.parent = field
      return place
    }

    /// An item of a list stands where the list stands.
    var item: Place { self }

    func item(_ index: Int) -> Place {
      var place = self
      place.path += "[\(index)]"
      return place
    }

    /// Whether every text here is secret.
    var isSecret: Bool {
      let (name, around) = (Self.plain(field), Self.plain(parent))
      if Self.secretFields.contains(name) { return true }
      // A header is an object with a name and a value, or an entry of a map.
      if around == "headers" { return name != "name" && name != "key" }
      let isInline = name == "inline" || name == "inlinestring"
      return isInline && (around.hasSuffix("key") || around == "value" || Self.secretFields.contains(around))
    }

    /// Whether the value is the copy of the document that `kubectl apply` keeps in an annotation.
    var isAppliedDocument: Bool { field == "kubectl.kubernetes.io/last-applied-configuration" }

    private static let secretFields: Set<String> = [
      "password", "apikey", "accesstoken", "token", "clientsecret", "secretkey", "privatekey",
    ]

    private static func plain(_ name: String) -> String {
      String(decoding: name.utf8.filter { $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: "-") }, as: UTF8.self)
        .lowercased()
    }
  }
}
