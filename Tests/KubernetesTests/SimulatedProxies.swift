import Foundation
import ProxySimulation
import TestSupport

/// Simulated proxies at a control plane, while a body runs.
func withProxies(
  _ names: [String], mesh: String, at controlPlane: ControlPlaneOnKubernetes,
  _ body: (ProxyFleet) async throws -> Void
) async throws {
  var settings = ProxyFleet.Settings(port: controlPlane.ports.dataplane)
  settings.isSecure = true
  let fleet = ProxyFleet(nodeIDs: names.map { "\(mesh).\($0)" }, settings: settings)
  let running = Task { await fleet.run() }
  defer { running.cancel() }
  try await body(fleet)
}

extension ProxyFleet {
  /// Waits until exactly all proxies hold a text in their listeners.
  func waitForAll(toHold text: String) async throws {
    let everyone = Set(proxies.indices)
    try await eventually("listeners with \(text)") { holders(of: text) == everyone }
  }

  /// Waits until the listeners of all proxies sample a share of the requests.
  ///
  /// - Parameter percent: a double in the protocol, found by its bytes.
  func waitForAll(toSample percent: Double) async throws {
    let bytes = withUnsafeBytes(of: percent.bitPattern.littleEndian) { Data($0) }
    let everyone = Set(proxies.indices)
    try await eventually("a sampling of \(percent)") { holders(of: bytes) == everyone }
  }

  /// Waits until all proxies have listeners and none is traced.
  func waitForNoTracing() async throws {
    try await eventually("listeners without tracing") {
      ask { $0.allSatisfy(\.isConfigured) } && holders(of: "type.googleapis.com/envoy.config.trace.v3").isEmpty
    }
  }
}

extension ProxyFleet {
  /// The addresses of pods that at least one proxy holds.
  var addresses: Set<String> { ask { $0.reduce(into: []) { $0.formUnion($1.addresses) } } }
}

extension ProxyFleet.Proxy {
  /// The addresses of pods among its endpoints.
  var addresses: Set<String> {
    var found: Set<String> = []
    let begin = Array("10.244.".utf8)
    for content in held[SimulatedType.endpoints]?.contents.values.map({ Array($0) }) ?? [] {
      var index = 0
      while index + begin.count <= content.count {
        guard content[index] == begin[0], content[index...].starts(with: begin) else {
          index += 1
          continue
        }
        let address = content[index...].prefix { (0x30...0x39).contains($0) || $0 == 0x2e }
        found.insert(String(decoding: address, as: UTF8.self))
        index += address.count
      }
    }
    return found
  }
}
