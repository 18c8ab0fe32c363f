import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ProcessSupervisor

/// Performs probes and hooks as a kubelet does: from the node, not from the pod.
struct Prober: Sendable {
  /// One for the process, as it has to be shut down before it goes.
  private static let client: HTTPClient = {
    var configuration = HTTPClient.Configuration()
    // A kubelet does not verify certificates of probes.
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.certificateVerification = .none
    configuration.tlsConfiguration = tls
    return HTTPClient(eventLoopGroup: .singletonMultiThreadedEventLoopGroup, configuration: configuration)
  }()

  /// Performs an action.
  ///
  /// - Parameters:
  ///   - address: of the pod, where the action names none.
  ///   - timeout: what takes longer has failed; `nil` for no limit.
  ///   - run: runs a command in the container.
  /// - Returns: `nil` for success, otherwise what is wrong.
  func failure(
    of action: ProbePlan.Action, address: String, timeout: Duration?,
    run: @Sendable @escaping ([String]) async -> String?
  ) async -> String? {
    let limit = timeout ?? .seconds(3600)
    switch action {
    case .unknown(let reason): return reason
    case .command(let words): return await inTime(limit) { await run(words) }
    case .connection(let host, let port):
      do {
        let time = TimeAmount.nanoseconds(Int64(limit.components.seconds) * 1_000_000_000)
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup).connectTimeout(time)
          .connect(host: host ?? address, port: Int(port)).get()
        try? await channel.close()
        return nil
      } catch { return "\(error)" }
    case .http(let host, let port, let path, let headers, let isTLS):
      let name = host ?? address
      var request = HTTPClientRequest(
        url: "\(isTLS ? "https" : "http")://\(name.contains(":") ? "[\(name)]" : name):\(port)\(path)")
      request.headers.add(name: "user-agent", value: "kube-probe/1.20")
      request.headers.add(name: "connection", value: "close")
      for header in headers { request.headers.replaceOrAdd(name: header.name, value: header.value) }
      do {
        let time = TimeAmount.nanoseconds(Int64(limit.components.seconds) * 1_000_000_000)
        let answer = try await Self.client.execute(request, timeout: time)
        return (200..<400).contains(answer.status.code)
          ? nil : "HTTP probe failed with statuscode: \(answer.status.code)"
      } catch { return "\(error)" }
    }
  }

  private func inTime(_ limit: Duration, _ work: @Sendable @escaping () async -> String?) async -> String? {
    await withTaskGroup(of: String?.self) { group in
      group.addTask { await work() }
      group.addTask {
        try? await Task.sleep(for: limit)
        return "it has not ended within \(limit)"
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
  }
}
