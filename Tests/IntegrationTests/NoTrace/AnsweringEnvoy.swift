import Foundation
import MeshTestSupport
import ProcessSupervisor

/// The application behind most proxies, and collectors that answer anything but 202: a bare Envoy that answers by itself, in HTTP/1.1
/// and HTTP/2. Requests for `/held` are answered after an hour, those below `/status/500` with that status.
struct AnsweringEnvoy: Sendable {
  let port: Int
  /// Where it ends each connection as soon as it is made.
  let closingPort: Int
  private let process: ChildProcess

  /// Starts it; it is not ready yet.
  static func start(home: URL) throws -> AnsweringEnvoy {
    let free = try FreePort.take(2)
    let (port, closingPort) = (free[0], free[1])
    let fault = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"
    let hour = #"{"@type": \#(fault), delay: {fixed_delay: 3600s, percentage: {numerator: 100}}}"#
    let statuses = [200, 413, 500].map { "{match: {prefix: /status/\($0)/}, direct_response: {status: \($0)}}" }
    let routes =
      statuses + [
        "{match: {prefix: /held}, direct_response: {status: 200}, typed_per_filter_config: {fault: \(hour)}}",
        "{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: ok}}}",
      ]
    let extensions = "type.googleapis.com/envoy.extensions.filters"
    let configuration = """
      static_resources:
        listeners:
        - address: {socket_address: {address: 127.0.0.1, port_value: \(port)}}
          filter_chains:
          - filters:
            - name: http
              typed_config:
                "@type": \(extensions).network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: application
                codec_type: AUTO
                route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [\(routes.joined(separator: ", "))]}]}
                http_filters:
                - {name: fault, typed_config: {"@type": \(fault)}}
                - {name: router, typed_config: {"@type": \(extensions).http.router.v3.Router}}
        - address: {socket_address: {address: 127.0.0.1, port_value: \(closingPort)}}
          filter_chains:
          - filters:
            - {name: close, typed_config: {"@type": \(extensions).network.direct_response.v3.Config}}

      """
    let file = home.appending(path: "application.yaml")
    try Data(configuration.utf8).write(to: file)
    let process = try ChildProcess.start(
      ChildProcess.Command(
        Programs.envoyProgram ?? "",
        [
          "-c", file.path(percentEncoded: false), "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error",
        ],
        output: .discard, errors: .discard))
    return AnsweringEnvoy(port: port, closingPort: closingPort, process: process)
  }

  func waitUntilServing() async throws {
    try await eventually("the answering Envoy") { try await HTTPProbe.get(port: port, "/")?.status == 200 }
  }

  func stop() async { _ = await process.end(within: .zero) }
}
