import HTTPService
import MeshStore
import Testing

@testable import ProgramSettings
@testable import kuma_cp

@Suite("Settings of limits")
struct LimitSettingsTests {
  @Test("the limits of clients have defaults, and a share of more than all connections is refused with its setting")
  func limits() async throws {
    let (usual, _) = try ControlPlaneConfiguration.load(file: nil, environment: ["HOME": "/home/someone"], flags: [:])
    let limits = ClientLimits(usual.limits)
    #expect(limits.connectionShare == 25 && limits.rates?.requestsPerSecond == 500)
    #expect(usual.limits.store.resources == 100_000 && usual.limits.store.bytes == 256 << 20)
    let (none, _) = try ControlPlaneConfiguration.load(
      file: nil, environment: ["HOME": "/home/someone", "KUMA_GENERAL_LIMITS_REQUESTS_PER_SECOND": "0"], flags: [:])
    #expect(ClientLimits(none.limits).rates == nil)
    let variable = "KUMA_GENERAL_LIMITS_CONNECTION_SHARE"
    for share in ["200", "0", "-1", "101", "25%", "half"] {
      #expect(
        await failure(environment: [variable: share])
          == "\(variable): \"\(share)\" is not a share; give a whole number of percent from 1 to 100")
    }
    let scalar = try await withFile("general: {limits: 5}\n") { await failure(file: $0) }
    #expect(
      scalar?.contains(
        "general.limits has to hold keys and values (connectionShare, requestsPerSecond, resources, resourceSize), not number"
      ) == true, "\(scalar ?? "")")
  }
}
