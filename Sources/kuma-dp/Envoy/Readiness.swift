import MeshClient

/// Asks an Envoy whether it is ready.
struct Readiness: Sendable {
  let address: ControlPlaneAddress
  let requestTime: Duration
  let pause: Duration

  /// Asks once, and waits for an answer, whatever it is.
  func isAnswered() async -> Bool {
    let client = ControlPlaneClient(address: address, settings: ControlPlaneClient.Settings(timeout: requestTime))
    return (try? await client.exchange(.get, "")) != nil
  }

  /// Asks until the answer is yes.
  ///
  /// - Returns: `nil` when Envoy is ready, or why it was not when the time was over.
  func wait(atMost limit: Duration) async -> String? {
    let client = ControlPlaneClient(address: address, settings: ControlPlaneClient.Settings(timeout: requestTime))
    let clock = ContinuousClock()
    let end = clock.now + limit
    while true {
      let obstacle: String
      do {
        let status = try await client.exchange(.get, "").status
        if status == 200 { return nil }
        obstacle = "it has answered with status \(status)"
      } catch {
        obstacle = error.reason.isEmpty ? error.title : error.reason
      }
      guard clock.now + pause < end, (try? await clock.sleep(for: pause)) != nil else { return obstacle }
    }
  }
}
