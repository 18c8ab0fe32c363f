import Documents
import OrderedCollections

/// What a Lease says: who holds it, and for how long after the last renewal.
///
/// The times in it are of the holder's clock. They are for readers: nothing is decided by them, only by whether the record
/// changes. Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/
struct LeaseRecord: Sendable, Hashable {
  /// Who holds it; empty for nobody.
  var holder = ""
  /// For how many seconds after a renewal it is held.
  var seconds: Int64 = 0
  var acquireTime = ""
  var renewTime = ""
  /// How often it went to another holder.
  var transitions: Int64 = 0

  /// The longest duration that is believed, in seconds: a slip of the pen must not keep everybody waiting.
  static let longestDuration: Int64 = 600

  init() {}

  /// Reads a Lease. What is missing or of another type stays empty.
  init(_ lease: KubernetesObject) {
    let spec = lease["spec"]
    func integer(_ key: String) -> Int64 { spec?[key]?.number.flatMap(Int64.init(exactly:)) ?? 0 }
    holder = spec?["holderIdentity"]?.string ?? ""
    seconds = integer("leaseDurationSeconds")
    acquireTime = spec?["acquireTime"]?.string ?? ""
    renewTime = spec?["renewTime"]?.string ?? ""
    transitions = max(0, integer("leaseTransitions"))
  }

  /// For how long after a renewal it is held; a default where the record has no sensible number.
  func duration(default own: Duration) -> Duration {
    (1...Self.longestDuration).contains(seconds) ? .seconds(seconds) : own
  }

  /// A Lease with this record; everything else stays as it is. The API server takes no empty times and only numbers of 32 bits,
  /// so the number of transitions stays at the largest.
  func written(to lease: KubernetesObject) -> KubernetesObject {
    var lease = lease
    var spec = lease["spec"]?.object ?? [:]
    spec["holderIdentity"] = .string(holder)
    spec["leaseDurationSeconds"] = .integer(seconds)
    spec["acquireTime"] = acquireTime.isEmpty ? nil : .string(acquireTime)
    spec["renewTime"] = renewTime.isEmpty ? nil : .string(renewTime)
    spec["leaseTransitions"] = .integer(min(transitions, Int64(Int32.max)))
    lease["spec"] = .object(spec)
    return lease
  }
}

extension Timestamp {
  /// The time as a Lease has it: with six digits of a second, no more and no fewer.
  var microseconds: String {
    let digits = String(nanoseconds / 1000)
    let whole = Timestamp(seconds: seconds).description.dropLast()
    return "\(whole).\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits)Z"
  }
}
