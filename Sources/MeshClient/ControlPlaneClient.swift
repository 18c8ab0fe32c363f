import AsyncHTTPClient
import ConnectionFaults
public import MeshModel
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization
import SystemErrors

/// A client of a control plane's HTTP API.
///
/// Creating a client is cheap: threads, connections and TLS are set up with the first request. Several tasks may share a
/// client.
public final class ControlPlaneClient: Sendable {
  /// The control plane.
  public let address: ControlPlaneAddress
  /// The settings of the connection.
  public let settings: Settings

  private let http = Mutex<HTTPClient?>(nil)

  /// Makes a client.
  public init(address: ControlPlaneAddress, settings: Settings = Settings()) {
    self.address = address
    self.settings = settings
  }

  deinit {
    // The connections close with the client, in the background.
    http.withLock { $0 }?.shutdown { _ in }
  }

  /// Limits all clients of this process to one thread. Has an effect only before the first request.
  public static func useOneThread() { NIOSingletons.groupLoopCountSuggestion = 1 }

  /// The settings of a connection to a control plane.
  public struct Settings: Sendable {
    /// The headers of every request.
    public var headers: [(name: String, value: String)]
    /// The timeout of a request, including its answer.
    public var timeout: Duration
    /// A file with the certificates to trust, PEM, instead of the system's.
    public var caFile: String?
    /// The certificates to trust as PEM text, if no file is named.
    public var caCertificates: String?
    /// Files with the client certificate and its key, PEM.
    public var clientCertificate: (certificateFile: String, keyFile: String)?
    /// Whether the control plane's certificate is not verified.
    public var skipVerify: Bool
    /// Receives every finished request.
    public var observer: (@Sendable (Exchange) -> Void)?

    /// Makes settings.
    public init(
      headers: [(name: String, value: String)] = [], timeout: Duration = .seconds(60), caFile: String? = nil,
      caCertificates: String? = nil, clientCertificate: (certificateFile: String, keyFile: String)? = nil,
      skipVerify: Bool = false, observer: (@Sendable (Exchange) -> Void)? = nil
    ) {
      self.headers = headers
      self.timeout = timeout
      self.caFile = caFile
      self.caCertificates = caCertificates
      self.clientCertificate = clientCertificate
      self.skipVerify = skipVerify
      self.observer = observer
    }
  }

  /// A finished request.
  public struct Exchange: Sendable {
    /// The method.
    public var method: Method
    /// The whole URL.
    public var url: String
    /// The status; `nil` when there was no answer.
    public var status: Int?
    /// The body that was sent.
    public var body: String?
    /// How long it took.
    public var duration: Duration
  }

  /// The methods of requests.
  public enum Method: String, Sendable {
    /// Reads.
    case get = "GET"
    /// Creates or replaces.
    case put = "PUT"
    /// Removes.
    case delete = "DELETE"
    /// Runs an operation.
    case post = "POST"
  }

  /// An answer, whatever its status.
  public struct Response: Sendable {
    /// The status.
    public var status: Int
    /// The body.
    public var body: [UInt8]
    /// The header fields by their names in lower case; of several with one name the first.
    package var fields: [String: String] = [:]
  }

  /// The size limit of an answer, in bytes.
  static let responseLimit = 64 << 20

  /// Sends a request and returns the answer of any status.
  ///
  /// - Parameters:
  ///   - path: the path with its query, escaped, beginning with a slash.
  ///   - document: the body, sent as JSON.
  /// - Throws: ``ControlPlaneError`` when there is no answer.
  public func exchange(
    _ method: Method, _ path: String, document: DocumentValue? = nil
  ) async throws(ControlPlaneError) -> Response {
    try await exchange(method, path, json: document.map { Array($0.json().utf8) }, headers: [])
  }

  /// Sends a request and returns the answer of any status.
  ///
  /// - Parameters:
  ///   - path: the path with its query, escaped, beginning with a slash.
  ///   - json: the body, which is JSON.
  ///   - headers: headers of this request.
  /// - Throws: ``ControlPlaneError`` when there is no answer.
  package func exchange(
    _ method: Method, _ path: String, json: [UInt8]?, headers: [(name: String, value: String)]
  ) async throws(ControlPlaneError) -> Response {
    var request = HTTPClientRequest(url: address.description + path)
    request.method = HTTPMethod(rawValue: method.rawValue)
    request.headers.add(name: "accept", value: "application/json, text/plain;q=0.5, */*;q=0.1")
    for header in settings.headers + headers {
      request.headers.replaceOrAdd(name: header.name, value: header.value)
    }
    if let json {
      request.headers.replaceOrAdd(name: "content-type", value: "application/json")
      request.body = .bytes(ByteBuffer(bytes: json))
    }
    let client = try client()
    let start = ContinuousClock.now
    let status = Mutex<Int?>(nil)
    defer {
      settings.observer?(
        Exchange(
          method: method, url: request.url, status: status.withLock { $0 },
          body: json.map { String(decoding: $0, as: UTF8.self) }, duration: ContinuousClock.now - start))
    }
    do {
      return try await within(.nanoseconds(timeout.nanoseconds)) { [request] in
        let response = try await client.execute(request, deadline: .distantFuture)
        status.withLock { $0 = Int(response.status.code) }
        let body = try await response.body.collect(upTo: Self.responseLimit)
        return Response(
          status: Int(response.status.code), body: Array(body.readableBytesView),
          fields: Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first })
      }
    } catch is DeadlineExceeded {
      let what = status.withLock { $0 } == nil ? "no answer within" : "the answer has not ended within"
      throw late("\(what) \(settings.timeout.words)", method: method, path: path)
    } catch {
      throw await failure(error, method: method, path: path)
    }
  }

  /// Sends a request that must succeed and returns the JSON of the answer, `null` when it is empty.
  ///
  /// - Throws: ``ControlPlaneError``, parsed from the answer's body if there is one.
  public func send(_ method: Method, _ path: String, document: DocumentValue? = nil)
    async throws(ControlPlaneError) -> DocumentValue
  {
    let response = try await exchange(method, path, document: document)
    let request = "\(method.rawValue) \(address)\(path)"
    guard (200..<300).contains(response.status) else {
      throw ControlPlaneError(status: response.status, body: response.body, request: request)
    }
    if response.body.allSatisfy({ $0 <= 0x20 }) { return .null }
    do {
      return try DocumentValue(json: response.body)
    } catch {
      throw ControlPlaneError(
        code: .unexpectedAnswer, status: response.status,
        title: "\(request) was answered with something other than JSON; is \(address) a control plane?", cause: error)
    }
  }

  /// Reads plain text, such as the statistics of a proxy.
  ///
  /// - Throws: ``ControlPlaneError`` as ``send(_:_:document:)`` does.
  public func text(_ path: String) async throws(ControlPlaneError) -> String { try await text(.get, path) }

  /// Sends a request that is answered with plain text, such as a token.
  ///
  /// - Throws: ``ControlPlaneError`` as ``send(_:_:document:)`` does.
  public func text(
    _ method: Method, _ path: String, document: DocumentValue? = nil
  ) async throws(ControlPlaneError) -> String {
    let response = try await exchange(method, path, document: document)
    guard (200..<300).contains(response.status) else {
      throw ControlPlaneError(
        status: response.status, body: response.body, request: "\(method.rawValue) \(address)\(path)")
    }
    return String(decoding: response.body, as: UTF8.self)
  }

  private var timeout: TimeAmount {
    let (seconds, attoseconds) = settings.timeout.components
    return .nanoseconds(
      min(max(seconds, 0), 1_000_000_000) &* 1_000_000_000 &+ max(attoseconds, 0) / 1_000_000_000)
  }

  private func client() throws(ControlPlaneError) -> HTTPClient {
    do {
      return try http.withLock { client throws in
        if let client { return client }
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout.connect = min(timeout, .seconds(10))
        configuration.httpVersion = .http1Only
        configuration.redirectConfiguration = .disallow
        if address.isSecure { configuration.tlsConfiguration = try tls() }
        let made = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        client = made
        return made
      }
    } catch let error as ControlPlaneError {
      throw error
    } catch {
      throw ControlPlaneError(code: .invalidCredentials, title: connectionFault(error), cause: error)
    }
  }

  private func tls() throws -> TLSConfiguration {
    func read<Value>(_ what: String, _ file: String, _ body: ([UInt8]) throws -> Value) throws -> Value {
      let bytes: [UInt8]
      switch FileAccess.read(file) {
      case .success(let content): bytes = content
      case .failure(let failure):
        throw ControlPlaneError(
          code: .invalidCredentials, title: "the \(what) file cannot be read: \(failure)", cause: failure)
      }
      do {
        return try body(bytes)
      } catch {
        throw ControlPlaneError(
          code: .invalidCredentials,
          title: "the \(what) file \"\(file)\" cannot be read as PEM: \(connectionFault(error))",
          cause: error)
      }
    }
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    if settings.skipVerify { configuration.certificateVerification = .none }
    if let file = settings.caFile {
      let roots = try read("CA certificate", file) { try NIOSSLCertificate.fromPEMBytes($0) }
      configuration.trustRoots = .certificates(roots)
    } else if let text = settings.caCertificates {
      do {
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(text.utf8)))
      } catch {
        throw ControlPlaneError(
          code: .invalidCredentials, title: "the CA certificate cannot be read as PEM: \(connectionFault(error))",
          cause: error)
      }
    }
    if let (certificateFile, keyFile) = settings.clientCertificate {
      let chain = try read("client certificate", certificateFile) {
        try NIOSSLCertificate.fromPEMBytes($0)
      }
      configuration.certificateChain = chain.map { .certificate($0) }
      configuration.privateKey = .privateKey(
        try read("client key", keyFile) { try NIOSSLPrivateKey(bytes: $0, format: .pem) })
    }
    return configuration
  }

  /// A request in words, as Kuma's kumactl names it.
  private func words(_ method: Method, _ path: String) -> String {
    let verb = method.rawValue.prefix(1) + method.rawValue.dropFirst().lowercased()
    return "\(verb) \"\(address)\(path)\""
  }

  private func late(_ reason: String, method: Method, path: String) -> ControlPlaneError {
    ControlPlaneError(
      code: .timedOut, title: "\(words(method, path)): \(reason)", reason: reason, address: address,
      cause: DeadlineExceeded())
  }

  private func failure(_ error: any Error, method: Method, path: String) async -> ControlPlaneError {
    let request = words(method, path)
    if error is NIOTooManyBytesError {
      let reason = "the answer is larger than 64 MiB"
      return ControlPlaneError(
        code: .tooLarge, title: "\(request): \(reason)", reason: reason, address: address, cause: error)
    }
    let code: ControlPlaneError.Code
    let reason: String
    switch TLSFault(error) {
    case .misnamed: (code, reason) = (.misnamed, "its certificate is not for \(address.host)")
    case .untrusted:
      if let fault = await CertificateValidity.fault(
        at: address.host, port: address.port, authorities: authorities)
      {
        (code, reason) = (.outOfDate, fault)
      } else {
        (code, reason) = (.untrusted, "its certificate is not signed by a trusted authority")
      }
    case .plaintext: (code, reason) = (.plaintext, connectionFault(error))
    case .other(let words) where settings.clientCertificate != nil && Self.isRefusalOfCertificate(words):
      (code, reason) = (.denied, "it does not trust the client certificate")
    default: (code, reason) = (.unreachable, connectionFault(error))
    }
    return ControlPlaneError(
      code: code, title: "\(request): dial tcp \(address.host):\(address.port): \(reason)", reason: reason,
      address: address, cause: error)
  }

  /// Whether the words of a TLS fault tell that the server refused a client certificate.
  private static func isRefusalOfCertificate(_ words: String) -> Bool {
    words.contains("alert") && ["unknown ca", "certificate"].contains { words.contains($0) }
  }

  /// The certificates that are trusted instead of the system's.
  private var authorities: [NIOSSLCertificate] {
    let certificates =
      settings.caFile.map { try? NIOSSLCertificate.fromPEMFile($0) }
      ?? settings.caCertificates.map { try? NIOSSLCertificate.fromPEMBytes(Array($0.utf8)) }
    return (certificates ?? nil) ?? []
  }
}
