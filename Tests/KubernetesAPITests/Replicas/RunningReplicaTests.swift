import Documents
import OrderedCollections
import Testing

@testable import KubernetesAPI

@Suite("The objects of a replica's owner") struct RunningReplicaTests {
  @Test("say for each name what differs from a list, if anything does") func words() throws {
    func object(_ name: String, _ version: String, _ text: String = "") -> KubernetesObject {
      var object = KubernetesObject(.configMap, name: name)
      object.metadata["resourceVersion"] = .string(version)
      object["data"] = ["text": .string(text)]
      return object
    }
    let here = ["a": object("a", "1"), "b": object("b", "2"), "c": object("c", "3", "x"), "d": object("d", "4")]
    #expect(RunningReplica.difference(of: here, from: Array(here.values)).isEmpty)
    let listed = [object("b", "9"), object("c", "3", "y"), object("d", "4"), object("e", "5")]
    let words = RunningReplica.difference(of: here, from: listed).split(separator: "; ")
    #expect(words.count == 4)
    #expect(words.first == "a of version 1 is there no more")
    #expect(words.dropFirst().first == "b has the version 2, not 9")
    #expect(words.dropFirst(2).first?.hasPrefix("c of version 3 is {") == true)
    #expect(words.last == "e of version 5 is missing")
  }
}
