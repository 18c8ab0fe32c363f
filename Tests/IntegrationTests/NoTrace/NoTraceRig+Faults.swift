import Foundation
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import ProxySimulation
import Testing

/// Processes whose clock is off: a library, loaded before others, adds a number of milliseconds to the time of the day. Debian's
/// libfaketime does not work with Envoy: it waits for itself while memory is first allocated.
enum ClockSkew {
  private static let source = """
    #include <stdlib.h>
    #include <sys/syscall.h>
    #include <time.h>
    #include <unistd.h>

    int clock_gettime(clockid_t id, struct timespec *now) {
      int status = syscall(SYS_clock_gettime, id, now);
      const char *text = getenv("CLOCK_SKEW_MILLISECONDS");
      if (status != 0 || text == NULL || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return status;
      long total = now->tv_nsec + atol(text) % 1000 * 1000000;
      now->tv_sec += atol(text) / 1000 + (total < 0 ? -1 : total / 1000000000);
      now->tv_nsec = (total + 1000000000) % 1000000000;
      return status;
    }

    """

  /// Compiles the library into a folder, for the scripts there.
  static func build(in folder: URL) async throws {
    let file = folder.appending(path: "clock-skew.c")
    try Data(source.utf8).write(to: file)
    let path = ProcessInfo.processInfo.environment["PATH"]
    let compiler = try #require(
      ["clang", "cc", "gcc"].lazy.compactMap { ChildProcess.find($0, path: path) }.first,
      "there is no compiler for C in PATH; that of the Swift toolchain is beside swift")
    let errors = Lines()
    let compiling = try ChildProcess.start(
      ChildProcess.Command(
        compiler,
        [
          "-shared", "-fPIC", "-O1", "-o", folder.appending(path: "clock-skew.so").path(percentEncoded: false),
          file.path(percentEncoded: false),
        ], errors: .lines(errors.append)))
    let status = await compiling.exitStatus()
    try #require(status.isSuccess, "\(errors.tail())")
  }

  /// Lines of a shell script in that folder, after which programs have another clock.
  static func script(milliseconds: Int) -> String {
    """
    export LD_PRELOAD="$(dirname "$0")/clock-skew.so" CLOCK_SKEW_MILLISECONDS=\(milliseconds)
    """
  }
}

extension NoTraceRig {
  /// Starts a second process with the name of a proxy, on ports of its own.
  func startRival(of name: String) throws {
    let (yaml, inbound, outbounds, admin) = try dataplane(name)
    let rival = try ProxyProcess.start(
      "\(name)-rival", dataplane: yaml, inboundPort: inbound, outboundPorts: outbounds, adminPort: admin,
      envoy: Programs.envoyProgram, controlPlane: controlPlane)
    remember(rival)
  }

  /// Runs a simulated proxy of some version of Envoy until the rig ends.
  func simulate(_ name: String, version: (UInt32, UInt32, UInt32)) {
    var settings = ProxyFleet.Settings(port: controlPlane.ports.dataplane)
    settings.isSecure = true
    settings.envoyVersion = version
    let fleet = ProxyFleet(nodeIDs: ["default.\(name)"], settings: settings)
    remember(Task { await fleet.run() })
  }

  /// Sends spans as a program of a service does that takes times in another unit than microseconds.
  ///
  /// - Parameter unit: how many microseconds the program's unit has.
  func report(_ service: String, unit: Int64) async throws {
    for number in 1...5 {
      let now = Int64(Date.now.timeIntervalSince1970 * 1e6) / unit
      let id = String(UInt64.random(in: (1 << 60)..<(1 << 62)), radix: 16)
      let span = """
        [{"traceId":"\(id)","id":"\(id)","kind":"SERVER","name":"work \(number)","timestamp":\(now),"duration":12,\
        "localEndpoint":{"serviceName":"\(service)"}}]
        """
      let answer = try await HTTPProbe.post(port: controlPlane.ports.collector, "/api/v2/spans", span)
      guard answer?.status == 202 else {
        throw ControlPlaneProcess.Failure(description: "spans of \(service): \(answer?.text ?? "no answer")")
      }
    }
  }

  /// Waits until the collector has no span of a service any more.
  func waitForRemoval(of service: String) async throws {
    let path = "/api/v2/traces?serviceName=\(service)&limit=1"
    for isThere in [true, false] {
      try await eventually("\(isThere ? "spans" : "the removal of the spans") of \(service)") {
        guard let text = try await HTTPProbe.get(port: controlPlane.ports.collector, path)?.text else { return false }
        return (text != "[]") == isThere
      }
    }
  }

  /// An argument with which an Envoy has one more listener, with the statistics of the proxy's inbound, that traces to a collector which
  /// the control plane has not named.
  static func strayListener(_ port: Int, statistics: String, application: Int, collector: Int) -> String {
    let filters = "type.googleapis.com/envoy.extensions.filters"
    func cluster(_ name: String, _ address: String, _ port: Int) -> String {
      let endpoint = "{endpoint: {address: {socket_address: {address: \(address), port_value: \(port)}}}}"
      return
        "{name: '\(name)', type: STATIC, load_assignment: {cluster_name: '\(name)', endpoints: [{lb_endpoints: [\(endpoint)]}]}}"
    }
    let zipkin =
      "{name: zipkin, typed_config: {'@type': type.googleapis.com/envoy.config.trace.v3.ZipkinConfig, collector_cluster: 'tracing:stray', "
      + "collector_endpoint: /api/v2/spans, collector_endpoint_version: HTTP_JSON}}"
    let manager =
      "{'@type': \(filters).network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: \(statistics), "
      + "tracing: {provider: \(zipkin)}, route_config: {virtual_hosts: [{name: all, domains: ['*'], routes: "
      + "[{match: {prefix: /}, route: {cluster: stray}}]}]}, http_filters: [{name: router, typed_config: "
      + "{'@type': \(filters).http.router.v3.Router}}]}"
    return "{static_resources: {clusters: [\(cluster("stray", "127.0.0.1", application)), "
      + "\(cluster("tracing:stray", "127.0.0.2", collector))], listeners: [{name: stray, address: {socket_address: "
      + "{address: 127.0.0.1, port_value: \(port)}}, filter_chains: [{filters: [{name: http, typed_config: \(manager)}]}]}]}}"
  }
}
