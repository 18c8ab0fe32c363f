import Documents
import KubernetesAPI

/// What a volume of a pod holds.
enum VolumePlan: Sendable {
  /// An empty folder that everybody may write to.
  case empty
  /// Files.
  case files([Source])

  /// Where files of a volume come from.
  enum Source: Sendable {
    /// These, by their paths in the volume.
    case data([String: [UInt8]])
    /// A token of the pod's service account, for an audience, which is renewed before it expires.
    case token(audience: String?, seconds: Int, path: String)
  }

  /// The volumes of a pod by their names.
  ///
  /// - Throws: ``PodNetworkError``, naming the volume.
  static func volumes(of facts: PodFacts) throws(PodNetworkError) -> [String: VolumePlan] {
    var result: [String: VolumePlan] = [:]
    for volume in facts.pod["spec"]?["volumes"]?.array ?? [] {
      let name = volume["name"]?.string ?? ""
      do throws(PodNetworkError) { result[name] = try plan(volume, facts) } catch {
        throw PodNetworkError(code: .badPod, message: "MountVolume.SetUp failed for volume \(name.quoted): \(error)")
      }
    }
    return result
  }

  private static func plan(_ volume: DocumentValue, _ facts: PodFacts) throws(PodNetworkError) -> VolumePlan {
    if volume["emptyDir"] != nil { return .empty }
    if let sources = volume["projected"]?["sources"]?.array {
      var plans: [Source] = []
      for source in sources { plans.append(try self.source(source, facts)) }
      return .files(plans)
    }
    return .files([try source(volume, facts)])
  }

  private static func source(_ source: DocumentValue, _ facts: PodFacts) throws(PodNetworkError) -> Source {
    if let token = source["serviceAccountToken"] {
      return .token(
        audience: token["audience"]?.string,
        seconds: token["expirationSeconds"]?.number.flatMap(Int.init(exactly:)) ?? 3600,
        path: token["path"]?.string ?? "token")
    }
    if let fields = source["downwardAPI"] {
      var data: [String: [UInt8]] = [:]
      for item in fields["items"]?.array ?? [] {
        guard let path = item["path"]?.string, let field = item["fieldRef"]?["fieldPath"]?.string else {
          throw PodNetworkError(code: .badPod, message: "an item of downwardAPI has no path, or no fieldRef")
        }
        data[path] = Array(try facts.field(field).utf8)
      }
      return .data(data)
    }
    for (key, kind) in [("secret", PodFacts.Reference.Kind.secret), ("configMap", .configMap)] {
      guard let reference = source[key] else { continue }
      let data = try ContainerPlan.data(reference, kind, facts) ?? [:]
      guard let items = reference["items"]?.array else { return .data(data) }
      var chosen: [String: [UInt8]] = [:]
      for item in items {
        guard let key = item["key"]?.string, let value = data[key] else { continue }
        chosen[item["path"]?.string ?? key] = value
      }
      return .data(chosen)
    }
    throw PodNetworkError(
      code: .badPod,
      message: "this kind of volume is not there; use emptyDir, secret, configMap, downwardAPI or projected")
  }
}
