import Foundation
import ProcessSupervisor
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a ``PostgresServer`` needs to speak TLS, as PEM.
public struct PostgresTLS: Sendable {
  /// The certificate of the server.
  public var certificatePEM: String
  /// Its key.
  public var privateKeyPEM: String
  /// The authority of clients. With it, clients show a certificate for the name of their user instead of a password.
  public var clientAuthorityPEM: String?

  /// Names them.
  public init(certificatePEM: String, privateKeyPEM: String, clientAuthorityPEM: String? = nil) {
    self.certificatePEM = certificatePEM
    self.privateKeyPEM = privateKeyPEM
    self.clientAuthorityPEM = clientAuthorityPEM
  }
}

/// A real PostgreSQL server of a test's own, in a temporary folder, at a free port of 127.0.0.1 and a Unix socket.
///
/// It ends with the process that started it, however that ends. PostgreSQL does not run as root: then it runs as the
/// user `postgres`, whom Debian's package makes.
public final class PostgresServer: Sendable {
  /// The server cannot be used.
  public struct Failure: Error, CustomStringConvertible {
    /// What is wrong and what to do.
    public let description: String
  }

  /// The port, at ``address`` and as part of the socket's name.
  public let port: Int
  /// The address of loopback at which it listens.
  public let address: String
  /// The folder of the Unix socket, where everybody is trusted.
  public let socketFolder: String
  /// The owner of everything.
  public static let user = "kuma"
  /// The owner's password, which is asked for at 127.0.0.1.
  public static let password = "s3cret of tests"

  let folder: URL
  let programs: URL
  private let settings: [String]
  private let process = Mutex<ChildProcess?>(nil)
  private let lines = Mutex<[String]>([])

  // MARK: Start and end

  /// Makes a cluster and starts its server.
  ///
  /// - Parameters:
  ///   - isDurable: whether commits wait for the disk, as they do outside of tests.
  ///   - folder: where its own folder is made; where temporary files are, when it is `nil`.
  ///   - tls: with it, the server speaks TLS, and refuses whoever does not at 127.0.0.1.
  /// - Throws: ``Failure`` saying what to install, or what the server said.
  public static func start(
    isDurable: Bool = false, folder: String? = nil, tls: PostgresTLS? = nil
  ) async throws -> PostgresServer {
    let server = try PostgresServer(
      isDurable: isDurable,
      in: folder.map { URL(filePath: $0, directoryHint: .isDirectory) } ?? FileManager.default.temporaryDirectory)
    do {
      try await server.makeCluster()
      if let tls { try await server.use(tls) }
      try await server.start()
    } catch {
      await server.remove()
      throw error
    }
    return server
  }

  /// The server that the tests of a process share: started once, ended and removed at the process's end.
  public static func shared() async throws -> PostgresServer { try await sharedStart.value }

  private static let sharedStart = Task {
    let server = try await start()
    shared.withLock { $0 = server }
    atexit { PostgresServer.shared.withLock { $0 }?.removeAtExit() }
    return server
  }
  private static let shared = Mutex<PostgresServer?>(nil)

  /// - Parameter place: its address and port; a free port of 127.0.0.1, when it is `nil`.
  init(isDurable: Bool, in parent: URL, at place: (address: String, port: Int)? = nil) throws {
    programs = try Self.findPrograms()
    var ports = FreePorts()
    port = try place?.port ?? ports.take()
    address = place?.address ?? "127.0.0.1"
    // Short: the name of a Unix socket has 107 bytes at most.
    folder = parent.appending(path: "pg-\(UUID().uuidString.prefix(8))")
    socketFolder = folder.path(percentEncoded: false)
    settings = isDurable ? [] : ["-c", "fsync=off", "-c", "full_page_writes=off"]
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    if geteuid() == 0 {
      guard let account = getpwnam("postgres") else {
        throw Failure(description: "PostgreSQL does not run as root, and there is no user postgres; \(Self.advice)")
      }
      guard chown(socketFolder, account.pointee.pw_uid, account.pointee.pw_gid) == 0 else {
        throw Failure(description: "\(socketFolder) cannot be given to the user postgres")
      }
    }
  }

  private static let advice =
    "install Debian's package postgresql (Scripts/setup does), or set POSTGRES_BIN to the folder of initdb and postgres"

  private static func findPrograms() throws -> URL {
    var folders: [String] = []
    if let given = ProcessInfo.processInfo.environment["POSTGRES_BIN"] { folders.append(given) }
    let debian = "/usr/lib/postgresql"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: debian)) ?? []
    folders += versions.sorted { (Int($0) ?? 0) > (Int($1) ?? 0) }.map { "\(debian)/\($0)/bin" }
    folders += (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    let found = folders.first { folder in
      ["initdb", "postgres", "psql"].allSatisfy { FileManager.default.isExecutableFile(atPath: "\(folder)/\($0)") }
    }
    guard let found else { throw Failure(description: "there is no PostgreSQL server on this machine; \(advice)") }
    return URL(filePath: found, directoryHint: .isDirectory)
  }

  func command(_ program: String, _ arguments: [String]) -> ChildProcess.Command {
    ownersCommand(programs.appending(path: program).path(percentEncoded: false), arguments) { [weak self] line in
      self?.lines.withLock { $0.append(line) }
    }
  }

  /// A command of the server's owner. Changing the user loses the tie to this process, so it is made again.
  func ownersCommand(
    _ path: String, _ arguments: [String], note: @escaping @Sendable (String) -> Void
  ) -> ChildProcess.Command {
    var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PG") }
    environment["LC_ALL"] = "C"
    let asOther = ["--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig=INT", "--", path]
    let isRoot = geteuid() == 0
    return ChildProcess.Command(
      isRoot ? "setpriv" : path, (isRoot ? asOther : []) + arguments, environment: environment, directory: socketFolder,
      output: .lines(note), errors: .lines(note))
  }

  private func makeCluster() async throws {
    let passwordFile = folder.appending(path: "password")
    try Data(Self.password.utf8).write(to: passwordFile)
    let initdb = try ChildProcess.start(
      command(
        "initdb",
        [
          "-D", data, "-U", Self.user, "-E", "UTF8", "--locale=C", "--no-sync", "--auth-local=trust",
          "--auth-host=scram-sha-256", "--pwfile=\(passwordFile.path(percentEncoded: false))",
        ]))
    guard await initdb.exitStatus().isSuccess else { throw Failure(description: "initdb failed:\n\(log)") }
  }

  /// Puts TLS into the settings of the cluster, as an administrator does it.
  private func use(_ tls: PostgresTLS) async throws {
    let given = [
      "chain.pem": tls.certificatePEM, "key.pem": tls.privateKeyPEM, "clients.pem": tls.clientAuthorityPEM ?? "",
    ]
    for (name, text) in given { try Data(text.utf8).write(to: folder.appending(path: name)) }
    let clientRule = tls.clientAuthorityPEM == nil ? "scram-sha-256" : "cert"
    // The owner makes the files, so that they are the owner's: PostgreSQL refuses a key that is somebody else's.
    let script = """
      umask 077
      cp ../chain.pem ../key.pem ../clients.pem .
      printf '%s\\n' 'local all all trust' 'hostssl all all 127.0.0.1/32 \(clientRule)' >pg_hba.conf
      printf '%s\\n' 'ssl = on' "ssl_cert_file = 'chain.pem'" "ssl_key_file = 'key.pem'" \
        \(tls.clientAuthorityPEM == nil ? "" : #""ssl_ca_file = 'clients.pem'""#) >>postgresql.conf
      """
    let made = try ChildProcess.start(
      ownersCommand("/bin/sh", ["-e", "-c", "cd \(data)\n\(script)"]) { [weak self] line in
        self?.lines.withLock { $0.append(line) }
      })
    guard await made.exitStatus().isSuccess else { throw Failure(description: "TLS cannot be turned on:\n\(log)") }
  }

  var data: String { "\(socketFolder)/data" }
  /// The last lines that the server has written.
  public var log: String { lines.withLock { $0.suffix(15).joined(separator: "\n") } }

  /// Starts the server again after its end, and waits until it takes connections.
  public func start() async throws {
    let started = try ChildProcess.start(
      command(
        "postgres",
        [
          "-D", data, "-k", socketFolder, "-p", "\(port)", "-c", "listen_addresses=\(address)", "-c",
          "max_connections=300",
        ] + settings))
    process.withLock { $0 = started }
    let deadline = ContinuousClock.now + .seconds(60)
    while true {
      if let status = started.currentExitStatus { throw Failure(description: "the server \(status):\n\(log)") }
      if (try? await query("SELECT 1", database: "postgres")) == ["1"] { return }
      guard .now < deadline else { throw Failure(description: "the server is not ready after a minute:\n\(log)") }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// Ends the server as an operator would, without waiting for its clients.
  public func stop() async {
    let running = process.withLock { $0 }
    running?.signal(ProcessSignal(rawValue: SIGINT))
    _ = await running?.end(within: .seconds(20))
  }

  /// Ends the server without a chance to say goodbye, and its children, which would notice only when they are busy.
  public func kill() async {
    let running = process.withLock { $0 }
    // Stopped first, it starts no child that would be overlooked.
    running?.signal(ProcessSignal(rawValue: SIGSTOP))
    let all = family
    for pid in all { Glibc.kill(pid, SIGKILL) }
    _ = await running?.exitStatus()
    // A child that is still there keeps the next server from starting.
    for _ in 0..<1000 where all.contains(where: { Glibc.kill($0, 0) == 0 && !Self.isZombie($0) }) {
      try? await Task.sleep(for: .milliseconds(10))
    }
  }

  private static func isZombie(_ pid: Int32) -> Bool { stat(pid)?.state == "Z" }

  /// The state and the parent of a process.
  private static func stat(_ pid: Int32) -> (state: Substring, parent: Int32?)? {
    guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return nil }
    // They follow the name in parentheses.
    let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
    return fields.count > 2 ? (fields[1], Int32(fields[2])) : nil
  }

  /// Stops the server's time, or lets it go on.
  public func freeze(_ isFrozen: Bool) { for pid in family { Glibc.kill(pid, isFrozen ? SIGSTOP : SIGCONT) } }

  /// The server and its children, which lead sessions of their own.
  private var family: [Int32] {
    guard let parent = process.withLock({ $0 }), parent.currentExitStatus == nil else { return [] }
    let numbers = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
    return [parent.pid] + numbers.filter { Self.stat($0)?.parent == parent.pid }
  }

  /// Ends the server and removes its folder.
  public func remove() async {
    freeze(false)
    await stop()
    try? FileManager.default.removeItem(at: folder)
  }

  private func removeAtExit() {
    guard let running = process.withLock({ $0 }) else { return }
    for pid in family { Glibc.kill(pid, SIGCONT) }
    running.signal(ProcessSignal(rawValue: SIGQUIT))
    for _ in 0..<500 where running.currentExitStatus == nil { usleep(10_000) }
    try? FileManager.default.removeItem(at: folder)
  }

  // MARK: Databases

  /// Makes an empty database with a name of its own.
  public func makeDatabase(_ options: String = "") async throws -> String {
    let name = "t\(UUID().uuidString.lowercased().filter { $0 != "-" })"
    try await query("CREATE DATABASE \(name) \(options)", database: "postgres")
    return name
  }

  /// Runs SQL with `psql`, as a person would, and gives the lines of the answer.
  @discardableResult
  public func query(_ sql: String, database: String) async throws -> [String] {
    let psql = try await ProgramOutput.of(
      ChildProcess.Command(
        programs.appending(path: "psql").path(percentEncoded: false),
        [
          "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", socketFolder, "-p", "\(port)", "-U", Self.user, "-d",
          database, "-c", sql,
        ],
        environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C"]))
    guard psql.status.isSuccess else {
      throw Failure(description: "\(sql): \(psql.errors.joined(separator: "\n"))")
    }
    return psql.output
  }

  /// Has `pgbench` insert a text into a table with a column `spec`, each insert a transaction.
  ///
  /// - Returns: inserts per second.
  public func insertsPerSecond(
    into table: String, text: String, clients: Int, perClient: Int, database: String
  ) async throws -> Double {
    let script = folder.appending(path: "insert.sql")
    // A colon would begin one of pgbench's variables.
    let literal = text.replacing("'", with: "''").replacing(":", with: ";")
    try Data("INSERT INTO \(table) (spec) VALUES ('\(literal)');\n".utf8).write(to: script)
    let output = Mutex<[String]>([])
    let pgbench = try ChildProcess.start(
      ChildProcess.Command(
        programs.appending(path: "pgbench").path(percentEncoded: false),
        [
          "-n", "-M", "prepared", "-f", script.path(percentEncoded: false), "-c", "\(clients)", "-j", "2", "-t",
          "\(perClient)", "-h", "127.0.0.1", "-p", "\(port)", "-U", Self.user, database,
        ],
        environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C", "PGPASSWORD": Self.password],
        output: .lines { line in output.withLock { $0.append(line) } }, errors: .discard))
    let status = await pgbench.exitStatus()
    let lines = output.withLock { $0 }
    let words = lines.first { $0.hasPrefix("tps") }?.split(separator: " ") ?? []
    guard status.isSuccess, words.count > 2, let rate = Double(words[2]) else {
      throw Failure(description: "pgbench \(status): \(lines.suffix(3).joined(separator: "; "))")
    }
    return rate
  }
}
