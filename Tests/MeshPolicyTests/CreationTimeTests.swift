import MeshModel
import MeshPolicy
import Testing

/// When Dataplanes were created, as the index of a mesh knows it.
@Suite struct CreationTimeTests {
  @Test("stays while the Dataplane is written, and is another one where it was deleted and created again")
  func times() {
    var index = MeshIndex(name: "default")
    func write(_ dataplane: Dataplane?, created: Int64? = nil, _ index: inout MeshIndex) {
      var change = MeshIndex.Change()
      let key = ResourceKey(type: .dataplane, mesh: "default", name: "web")
      change.note(
        key,
        dataplane.map {
          Resource(
            mesh: "default", name: "web", spec: .dataplane($0),
            creationTime: created.map { Timestamp(seconds: $0) })
        })
      _ = index.apply(change)
    }
    func dataplane(_ address: String) -> Dataplane {
      Dataplane(networking: Dataplane.Networking(address: address, inbound: [], outbound: []))
    }
    write(dataplane("10.0.0.1"), created: 5, &index)
    #expect(index.creationTime(ofDataplane: "web") == Timestamp(seconds: 5))
    write(dataplane("10.0.0.2"), &index)
    #expect(index.creationTime(ofDataplane: "web") == Timestamp(seconds: 5))
    // Both in one change, with the same content.
    write(dataplane("10.0.0.2"), created: 9, &index)
    #expect(index.creationTime(ofDataplane: "web") == Timestamp(seconds: 9))
    write(nil, &index)
    #expect(index.creationTime(ofDataplane: "web") == nil)
    write(dataplane("10.0.0.2"), &index)
    #expect(index.creationTime(ofDataplane: "web") == nil)
  }
}
