import Documents
import OrderedCollections
import Testing

@testable import KubernetesAPI

@Suite("Who is there, by leases") struct PresenceTableTests {
  private var table = PresenceTable(identity: "me", validity: .seconds(40))
  private var renewals = 0

  /// A Lease that somebody has just renewed.
  private mutating func lease(_ holder: String, seconds: Int64 = 40) -> KubernetesObject {
    renewals += 1
    var lease = KubernetesObject(.lease, namespace: "n", name: "kuma-cp-\(holder)")
    lease["spec"] = [
      "holderIdentity": .string(holder), "leaseDurationSeconds": .integer(seconds), "renewTime": .string("\(renewals)"),
    ]
    return lease
  }

  private mutating func renew(_ holders: String..., at seconds: Int) {
    for holder in holders { table.take(.changed([lease(holder)]), at: .seconds(seconds)) }
  }

  @Test("nothing is known before the own renewal is seen, and when it is not seen any more") mutating func unknown() {
    #expect(table.present(at: .zero) == nil)
    table.take(.replaced([lease("other")]), at: .zero)
    #expect(table.present(at: .seconds(1)) == nil)
    renew("me", at: 2)
    #expect(table.present(at: .seconds(2)) == ["me", "other"])
    #expect(table.present(at: .seconds(43)) == nil)
  }

  @Test("whoever does not renew is gone after the validity, as of the own renewal") mutating func gone() {
    renew("other", "brief", at: 0)
    for second in stride(from: 10, through: 40, by: 10) { renew("me", at: second) }
    #expect(table.present(at: .seconds(49)) == ["me", "other", "brief"])
    renew("other", at: 45)
    renew("me", at: 50)
    #expect(table.present(at: .seconds(50)) == ["me", "other"])
    #expect(table.abandoned(for: .seconds(45)).map(\.name) == ["kuma-cp-brief"])
    table.take(.deleted(table.abandoned(for: .seconds(45))), at: .seconds(51))
    #expect(table.abandoned(for: .zero).map(\.name) == ["kuma-cp-other"])
  }

  @Test("after a time without own renewals everybody gets a whole validity again") mutating func outage() {
    renew("other", "me", at: 0)
    // The API server was away, or this process stood still: others could not renew, or were not seen to.
    renew("me", at: 300)
    #expect(table.present(at: .seconds(300)) == ["me", "other"])
    for second in stride(from: 310, through: 340, by: 10) { renew("me", at: second) }
    #expect(table.present(at: .seconds(340)) == ["me", "other"])
    renew("me", at: 350)
    #expect(table.present(at: .seconds(350)) == ["me"])
  }

  @Test("a lease that changes without a renewal, and one with a senseless duration") mutating func odd() {
    table.take(.changed([lease("other", seconds: .max)]), at: .zero)
    renew("me", at: 1)
    var labelled = lease("other", seconds: .max)
    labelled["spec"] = ["holderIdentity": "other", "leaseDurationSeconds": .integer(.max), "renewTime": "1"]
    labelled.metadata["labels"] = ["a": "b"]
    table.take(.changed([labelled]), at: .seconds(30))
    for second in stride(from: 11, through: 51, by: 10) { renew("me", at: second) }
    #expect(table.present(at: .seconds(51)) == ["me"])
  }
}
