import Foundation
import MeshModel
import MeshTestSupport
import ProcessSupervisor

/// A real Envoy under a real kuma-dp, in front of an application of the tests.
struct ProxyProcess: Sendable {
  let name: String
  let inboundPort: Int
  /// The ports of its outbounds, in the order of the services that it calls.
  let outboundPorts: [Int]
  let adminPort: Int
  let process: ChildProcess
  let log: Lines

  /// The port of its first outbound.
  var outboundPort: Int { outboundPorts[0] }

  /// Starts a proxy for a service.
  ///
  /// - Parameters:
  ///   - service: the service of its inbound; that of its name when `nil`.
  ///   - inboundPort: where its inbound's listener is; a free port when `nil`.
  ///   - outboundPort: where its first outbound's listener is; a free port when `nil`.
  ///   - calls: the services behind its outbounds, one at least.
  ///   - drainTime: how long connections to earlier listeners may last.
  ///   - namesAdminPort: whether the Dataplane says where Envoy's administration interface is. ``adminPort`` means
  ///     nothing otherwise.
  static func start(
    _ name: String, service: String? = nil, tags: [String: String] = [:], applicationPort: Int,
    inboundPort: Int? = nil, outboundPort: Int? = nil, calls: [String], namesAdminPort: Bool = true,
    drainTime: String = "1s", controlPlane: ControlPlaneProcess
  ) async throws -> ProxyProcess {
    let free = try FreePort.take(2 + calls.count)
    let inbound = inboundPort ?? free[0]
    let outbounds = [outboundPort ?? free[2]] + free[3...]
    let outbound = zip(outbounds, calls).map { "\n    - {port: \($0), tags: {kuma.io/service: \($1)}}" }.joined()
    let more = tags.sorted { $0.key < $1.key }.map { "\n      \($0.key): \($0.value)" }.joined()
    let dataplane = """
      type: Dataplane
      mesh: default
      name: {{ name }}
      networking:
        address: 127.0.0.1
        \(namesAdminPort ? "admin: {port: \(free[1])}" : "# nothing is said of the administration interface")
        inbound:
        - port: \(inbound)
          servicePort: \(applicationPort)
          tags:
            kuma.io/service: \(service ?? "{{ name }}")
            kuma.io/protocol: http\(more)
        outbound:\(outbound)
      """
    return try start(
      name, dataplane: dataplane, inboundPort: inbound, outboundPorts: outbounds, adminPort: free[1],
      drainTime: drainTime,
      controlPlane: controlPlane)
  }

  /// Starts a proxy with a Dataplane of any form.
  ///
  /// - Parameters:
  ///   - dataplane: the Dataplane as YAML, which has these ports.
  ///   - isKnown: whether the control plane has the Dataplane already, so that it stays when the proxy ends.
  ///   - envoy: the program to run as Envoy.
  static func start(
    _ name: String, dataplane: String, inboundPort: Int, outboundPorts: [Int], adminPort: Int, drainTime: String = "1s",
    isKnown: Bool = false, envoy: String? = Programs.envoy, controlPlane: ControlPlaneProcess
  ) throws -> ProxyProcess {
    let file = controlPlane.home.appending(path: "\(name).yaml")
    try Data(dataplane.utf8).write(to: file)
    let definition = ["--dataplane-file", file.path(percentEncoded: false), "--dataplane-var", "name=\(name)"]
    let log = Lines()
    let process = try ChildProcess.start(
      ChildProcess.Command(
        Programs.path("kuma-dp"),
        ["run"] + (isKnown ? ["--name", name] : definition) + [
          "--cp-address", "http://127.0.0.1:\(controlPlane.ports.dataplane)", "--binary-path", envoy ?? "",
          // One thread sends its spans in order; connections to an earlier listener end soon.
          "--concurrency", "1", "--drain-time", drainTime,
        ], environment: Programs.environment, output: .lines(log.append), errors: .lines(log.append)))
    return ProxyProcess(
      name: name, inboundPort: inboundPort, outboundPorts: outboundPorts, adminPort: adminPort, process: process,
      log: log)
  }

  /// Waits until the proxy answers requests in both directions.
  ///
  /// - Parameter isTraced: whether these requests may be traced.
  func waitUntilServing(isTraced: Bool = true) async throws {
    let headers = isTraced ? [:] : ["x-b3-sampled": "0"]
    try await eventually(deadline: .seconds(90), "an answer through \(name)'s listeners") {
      if let status = process.currentExitStatus {
        throw ControlPlaneProcess.Failure(description: "kuma-dp of \(name) \(status):\n\(log.tail())")
      }
      for port in [inboundPort, outboundPort] {
        guard try await HTTPProbe.get(port: port, "/warm-up", headers: headers)?.status == 200 else { return false }
      }
      return true
    }
  }

  /// Has Envoy wait a minute for the answer to a report: a collector is slow on a machine that is busy with other tests, and only
  /// reports of automatic backends are sent again, for 15 seconds otherwise.
  func waitForSlowCollector() async throws {
    let change = "/runtime_modify?tracing.zipkin.request_timeout=60000"
    try await eventually("\(name)'s new time for an answer") {
      try await HTTPProbe.post(port: adminPort, change, "")?.status == 200
    }
  }

  /// Ends it in order, with its last spans sent: it waits for these 65 seconds at most, after the time for requests.
  func stop() async { _ = await process.terminate(grace: .seconds(120)) }

  /// Ends it at once, and its Envoy with it.
  func kill() async { _ = await process.end(within: .zero) }

  // MARK: What Envoy says of itself

  /// The tracing configuration of the listeners in use, by listener; a listener without tracing is `null`.
  func tracing() async throws -> [String: DocumentValue]? {
    guard
      let answer = try await HTTPProbe.get(port: adminPort, "/config_dump?resource=dynamic_listeners"),
      answer.status == 200
    else { return nil }
    var result: [String: DocumentValue] = [:]
    for listener in try DocumentValue(json: answer.body)["configs"]?.array ?? [] {
      // While a newer form warms up, the one in use is yesterday's.
      guard listener["warming_state"] == nil, let active = listener["active_state"]?["listener"] else { return nil }
      let filter = active["filter_chains"]?.array?.first?["filters"]?.array?.last
      result[active["name"]?.string ?? ""] = filter?["typed_config"]?["tracing"] ?? .null
    }
    return result
  }

  /// Waits until all listeners have a tracing configuration that fits and those they replaced are gone.
  func waitForTracing(_ what: String, _ fits: @Sendable (DocumentValue) -> Bool) async throws {
    try await eventually("tracing of \(name) with \(what)") {
      guard let tracing = try await tracing(), tracing.count == 1 + outboundPorts.count, tracing.values.allSatisfy(fits)
      else { return false }
      let draining = try await counters("draining")
      return draining.values.allSatisfy { $0 == 0 }
    }
  }

  /// Waits until all listeners have a tracer that sends a form, in Envoy's word; others may still drain.
  func waitForTracers(_ form: String) async throws {
    try await eventually("tracers of \(name) that send \(form)") {
      guard let tracing = try await tracing(), tracing.count == 1 + outboundPorts.count else { return false }
      return tracing.values.allSatisfy {
        $0["provider"]?["typed_config"]?["collector_endpoint_version"]?.string == form
      }
    }
  }

  /// Envoy's counters whose names hold a text.
  func counters(_ filter: String) async throws -> [String: Int] {
    let text = try await HTTPProbe.get(port: adminPort, "/stats?filter=\(filter)")?.text ?? ""
    var result: [String: Int] = [:]
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2, let value = Int(parts[1].trimmingCharacters(in: .whitespaces)) {
        result[String(parts[0])] = value
      }
    }
    return result
  }
}
