import Documents
import MeshModel
import OrderedCollections

/// The HTTP probes of an application, led to a port of the sidecar that serves them without TLS: port and path of the application
/// become the path. Source: Kuma 2.7.
enum VirtualProbes {
  /// A probe that is changed.
  struct Change: Hashable {
    /// The index of the container.
    var container: Int
    /// The field of the container, such as `livenessProbe`.
    var field: String
    /// The port of the sidecar.
    var port: UInt16
    /// The new path.
    var path: String
  }

  private static let fields = ["livenessProbe", "readinessProbe", "startupProbe"]

  /// The changes of a pod's probes.
  ///
  /// A probe over TLS stays as it is, because the sidecar's port has none; so does one of another host, and one whose port has a
  /// name that no port of the container has. Kuma changes those too, and they fail.
  ///
  /// - Parameter port: the port of the sidecar for probes.
  /// - Throws: when the application itself uses the port.
  static func changes(of containers: [DocumentValue], port: UInt16) throws(AnnotationError) -> [Change] {
    var changes: [Change] = []
    for (index, container) in containers.enumerated() {
      for field in fields {
        guard let probe = container[field]?["httpGet"], (probe["scheme"]?.string ?? "HTTP") == "HTTP",
          (probe["host"]?.string ?? "").isEmpty, let own = number(of: probe["port"], in: container)
        else { continue }
        guard own != Int64(port) else {
          throw AnnotationError(
            code: .conflict, key: PodAnnotation.virtualProbesPort.rawValue,
            message: "cannot override Pod's probes. Port for probe cannot be set to \(port). It is reserved for the "
              + "dataplane that will serve pods without mTLS.")
        }
        let path = probe["path"]?.string ?? ""
        changes.append(
          Change(container: index, field: field, port: port, path: "/\(own)\(path.hasPrefix("/") ? "" : "/")\(path)"))
      }
    }
    return changes
  }

  /// The number of a port, which may be given by the name of a port of the container.
  private static func number(of port: DocumentValue?, in container: DocumentValue) -> Int64? {
    if case .integer(let number) = port { return number }
    guard let name = port?.string, !name.isEmpty else { return nil }
    if let number = UInt16(name) { return Int64(number) }
    let named = container["ports"]?.array?.first { $0["name"]?.string == name }
    guard case .integer(let number)? = named?["containerPort"] else { return nil }
    return number
  }
}
