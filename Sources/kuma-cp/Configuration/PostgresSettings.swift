import MeshStorePostgres

extension SettingReader {
  private typealias Failure = ControlPlaneConfiguration.Failure

  /// The settings of the database, by Kuma's rules.
  func postgres() throws -> PostgresConfiguration {
    let seconds = try int(.postgresConnectionTimeout)
    guard (1...3600).contains(seconds) else {
      let (text, place) = value(.postgresConnectionTimeout)
      throw Failure(description: "\(place): \"\(text)\" is no time to wait; give 1 to 3600 seconds")
    }
    let connections = try int(.postgresMaxOpenConnections)
    guard connections == 0 || connections >= PostgresConfiguration.connectionCount else {
      let (text, place) = value(.postgresMaxOpenConnections)
      throw Failure(
        description:
          "\(place): \"\(text)\" is too few; \(PostgresConfiguration.connectionCount) are needed, 0 is no limit")
    }
    let minimum = try duration(.postgresMinReconnectInterval)
    let maximum = try duration(.postgresMaxReconnectInterval)
    guard minimum > .zero, minimum < maximum else {
      let (text, place) = value(.postgresMinReconnectInterval)
      throw Failure(
        description: "\(place): \"\(text)\" has to be above 0 and below \(Setting.postgresMaxReconnectInterval.key)")
    }
    let mode: PostgresConfiguration.TLSMode = try choice(.postgresTLSMode)
    let authority = try optional(.postgresTLSCaPath)
    if mode == .verifyCa || mode == .verifyFull, authority == nil {
      throw Failure(
        description:
          "\(Setting.postgresTLSCaPath.key) is missing: with \(mode.rawValue), name the authority's certificate")
    }
    let certificate = try optional(.postgresTLSCertPath)
    let key = try optional(.postgresTLSKeyPath)
    if (certificate == nil) != (key == nil) {
      let missing: Setting = certificate == nil ? .postgresTLSCertPath : .postgresTLSKeyPath
      throw Failure(
        description: "\(missing.key) is missing: a certificate and its key are given together (or neither)")
    }
    return PostgresConfiguration(
      host: try given(.postgresHost), port: try port(.postgresPort), user: try given(.postgresUser),
      password: value(.postgresPassword).text, database: try given(.postgresDatabase),
      connectionTimeout: .seconds(seconds), minimumReconnectInterval: minimum, maximumReconnectInterval: maximum,
      keepsIdleConnections: try int(.postgresMaxIdleConnections) >= 0, tlsMode: mode,
      certificatePath: certificate ?? "", keyPath: key ?? "", authorityPath: authority ?? "")
  }

  private func given(_ setting: Setting) throws -> String {
    let (text, place) = value(setting)
    guard !text.isEmpty else { throw Failure(description: "\(place): \"\" is no value; give one") }
    return text
  }

  private func int(_ setting: Setting) throws -> Int {
    let (text, place) = value(setting)
    guard let number = Int(text) else {
      throw Failure(description: "\(place): \"\(text)\" is no number; give one such as \(setting.defaultValue)")
    }
    return number
  }
}
