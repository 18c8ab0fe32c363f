import MeshStore
import ProgramSettings

/// The settings of what clients may use; docs/servers.md has a table of all limits.
struct LimitSettings: SettingGroup {
  let connectionShare = Setting(
    "general.limits.connectionShare", .percent, default: "25",
    "How many percent of a server's connections one address may have, or one /64 of IPv6; this machine may have all.")
  let requestsPerSecond = Setting(
    "general.limits.requestsPerSecond", .count(from: 0), default: "500",
    "How many requests a second an address may send, and a user, to all servers but those for spans; twice as many at once; 0 "
      + "for any number.")
  let resources = Setting(
    "general.limits.resources", .count(from: 1), default: "100000",
    "Resources in the store, without those that the control plane derives; further ones are refused. Not on Kubernetes."
  )
  let resourceSize = Setting(
    "general.limits.resourceSize", .size(from: 1 << 20), default: "256MiB",
    "Size of all resources in the store together, as JSON; larger ones are refused. Not on Kubernetes.")
}

extension SettingFormat<Int> {
  /// A part of something.
  static var percent: Self {
    Self("is not a share; give a whole number of percent from 1 to 100") { text in
      Int(text).flatMap { (1...100).contains($0) ? $0 : nil }
    }
  }
}

extension SettingValues<LimitSettings> {
  /// The bounds of a store.
  var store: BoundedStore.Limits {
    BoundedStore.Limits(resources: self.resources, bytes: self.resourceSize)
  }
}
