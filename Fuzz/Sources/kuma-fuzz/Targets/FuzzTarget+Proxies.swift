import Foundation
import MeshModel
import MeshTransport
import MeshXDS
import NIOCore

extension FuzzTarget {
  /// What proxies send.
  static let proxies: [FuzzTarget] = [
    FuzzTarget(
      "discovery",
      "messages of a discovery stream: assembled and decompressed by the guard, decoded, and taken by the stream's state machine",
      // A compressed message may become 64 KiB of names.
      bounds: FuzzBounds(memory: .init(16 << 20, perByte: 1_024), allocations: .init(200_000, perByte: 1_000)),
      samples: ["\0\0\0\0\0\u{6}\u{a}\u{0}\u{12}\u{2}\u{a}\u{0}"]
    ) { bytes in
      guard let first = bytes.first else { return 0 }
      return DiscoveryRun(flags: first).take(bytes.dropFirst())
    },
    FuzzTarget(
      "bootstrap", "requests for a bootstrap, with the Dataplane in them, up to the configuration that Envoy gets",
      bounds: .ofYAML,
      samples: [
        #"{"mesh":"default","name":"a","dataplaneResource":"type: Dataplane\nmesh: default\nname: a\nnetworking:\n  address: 127.0.0.1\n  inbound:\n  - port: 80\n    tags:\n      kuma.io/service: a\n"}"#
      ]
    ) { bytes in
      let endpoint = BootstrapEndpoint(
        settings: BootstrapSettings(),
        resources: BootstrapEndpoint.Resources(
          dataplane: { _, name in
            name == "stored"
              ? Dataplane(
                networking: Dataplane.Networking(
                  address: "127.0.0.1", inbound: [Dataplane.Inbound(port: 80, tags: ["kuma.io/service": "a"])]))
              : nil
          }, meshExists: { $0 == "default" }))
      // The last byte chooses what the answer is written in.
      let accept = bytes.last.map { $0 & 1 == 0 } == true ? "application/json" : ""
      let input = BootstrapEndpoint.Input(host: "cp.example:5678", isTLS: true, accept: accept, body: bytes)
      let response = blocking { await endpoint.respond(to: input) }
      if response.status == 200, accept.isEmpty {
        let text = String(decoding: response.body, as: UTF8.self)
        require((try? DocumentValue.yamlDocuments(text).count) == 1, "the bootstrap cannot be read: \(text)")
      }
      return response.body.count / 1_024
    },
  ]
}

/// One discovery stream whose messages come in parts.
private struct DiscoveryRun {
  /// The messages that a stream may keep in memory, in bytes.
  private static let budget = 1 << 20

  private let variant: DiscoveryVariant
  private let isCompressed: Bool
  private let partSize: Int

  /// - Parameter flags: chooses the variant of the protocol, compression and the size of parts.
  init(flags: UInt8) {
    variant = flags & 1 == 0 ? .stateOfTheWorld : .incremental
    isCompressed = flags & 2 != 0
    partSize = flags & 4 != 0 ? 7 : 4_096
  }

  /// Returns how many actions the messages lead to.
  func take(_ bytes: ArraySlice<UInt8>) -> Int {
    var assembler = MessageAssembler(limit: 64 << 10, isCompressed: isCompressed)
    let reader = DiscoveryRequestReader()
    var machine = DiscoveryStreamStateMachine(variant: variant)
    var count = 0
    var left = Self.budget
    var rest = bytes
    var messages = 0
    while !rest.isEmpty {
      var part = ByteBuffer(bytes: rest.prefix(partSize))
      rest = rest.dropFirst(partSize)
      let whole = try? assembler.add(&part) { count in
        guard count <= left else { return false }
        left -= count
        return true
      }
      guard let whole else { return count }
      for message in whole {
        let content = Array(message.readableBytesView.dropFirst(5))
        guard let request = try? content.withUnsafeBytes({ try reader.read($0, variant) }) else { return count }
        messages += 1
        count += handle(.request(request), &machine)
        if messages % 3 == 1 { count += handle(.snapshotChanged(Self.snapshot(messages)), &machine) }
      }
    }
    return count
  }

  /// Handles an event, and what follows from it as from a proxy that reads at once. Returns the number of actions.
  private func handle(
    _ event: DiscoveryStreamStateMachine.Event, _ machine: inout DiscoveryStreamStateMachine
  ) -> Int {
    var count = 0
    var events = [event]
    while let event = events.popLast() {
      for action in machine.handle(event) {
        count += 1
        switch action {
        case .send(let response):
          require(!response.serialized().isEmpty, "a response is empty")
          events.append(.sent)
        case .wait(let wait): events.append(.passed(wait))
        case .nodeKnown(let node): _ = try? ProxyIntroduction(node, remotePeer: "127.0.0.1:1")
        case .acknowledged, .rejected, .fail: break
        }
      }
      require(count < 1_000, "one event leads to \(count) actions")
    }
    return count
  }

  /// Snapshots that differ in turn.
  private static func snapshot(_ number: Int) -> ProxySnapshot {
    func set(_ typeURL: String, _ names: [String]) -> ResourceSet {
      ResourceSet(names.map { EncodedResource(name: $0, typeURL: typeURL, bytes: Data("\($0) \(number % 2)".utf8)) })
    }
    return ProxySnapshot(
      clusters: set(ResourceTypeURL.cluster, ["a", "b"] + (number % 2 == 0 ? ["c"] : [])),
      endpoints: set(ResourceTypeURL.endpoints, ["a", "b"]),
      listeners: set(ResourceTypeURL.listener, ["inbound", "outbound"]),
      others: [ResourceTypeURL.secret: set(ResourceTypeURL.secret, ["s"])])
  }
}
