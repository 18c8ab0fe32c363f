import HTTPService
import ProgramSettings

/// What one client may use of all servers, beside the memory of its requests.
struct ClientLimits: Sendable {
  /// How many percent of a server's connections one address may have.
  let connectionShare: Int
  /// How many requests a client may send; `nil` for any number.
  let rates: RequestRates?

  init(_ settings: SettingValues<LimitSettings>) {
    connectionShare = settings.connectionShare
    rates = settings.requestsPerSecond > 0 ? RequestRates(requestsPerSecond: settings.requestsPerSecond) : nil
  }
}
