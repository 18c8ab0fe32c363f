import ArgumentParser
import Documents
import Foundation
import ProgramSettings
import SystemErrors

extension KumaControlPlane {
  /// `kuma-cp backup`.
  struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write the resources and traces of a control plane to one file, also while it runs.",
      discussion: """
        Reads what `kuma-cp run` or `kuma-cp collector` with the same settings has: the resources (SQLite or PostgreSQL), the \
        traces, the id of the store and the certificate authority that proxies trust. Each store is copied as it is at one \
        moment. The file is a tar archive that only its owner can read: it holds secrets. It gets its name when it is \
        complete. Meanwhile the folder needs room for it twice.
        """)

    @Argument(help: "The file to write; a regular file is replaced if it is there.", completion: .file())
    var file: String

    @OptionGroup var scope: BackupScope

    func run() async throws {
      try await KumaControlPlane.reportingFailure {
        let backup = StoreBackup(places: try scope.places(), progress: CopyingProgress(Interruption()))
        try await backup.write(to: file, only: try scope.part())
      }
    }
  }

  /// `kuma-cp restore`.
  struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Put a backup in the place of what a control plane has.",
      discussion: """
        Restores a file of `kuma-cp backup` for `kuma-cp run` or `kuma-cp collector` with the same settings. The resources \
        may go to another kind of store than they came from. The file is read and its checksums are compared before \
        anything is replaced. Stop the control plane first; one with PostgreSQL may run on with --force, and follows.
        """)

    @Argument(help: "The file to read.", completion: .file())
    var file: String

    @Flag(help: "Replace what is there. The old files stay, with .before-restore (-2, -3…) behind their names.")
    var force = false

    @OptionGroup var scope: BackupScope

    func run() async throws {
      try await KumaControlPlane.reportingFailure {
        let restore = StoreRestore(places: try scope.places(), progress: CopyingProgress(Interruption()))
        try await restore.read(file, only: try scope.part(), isForced: force)
      }
    }
  }

  /// `kuma-cp migrate`.
  struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Bring the stores of a control plane to the newest schema.",
      discussion: """
        Says which version the schema of each store has, and migrates older ones, as the next start would. There is no way \
        back: make a backup before. With --check nothing is changed, and the status is 1 if a store is not at the newest \
        version.
        """)

    /// Kuma's command has this word, and no other way to go either.
    @Argument(help: ArgumentHelp("The word up, as in Kuma's command.", visibility: .hidden))
    var direction = "up"

    @Flag(help: "Change nothing; end with status 1 if there is something to migrate.")
    var check = false

    @OptionGroup var scope: BackupScope.Settings

    func run() async throws {
      try await KumaControlPlane.reportingFailure {
        guard direction == "up" else {
          throw StorePlaces.Refusal(description: "\(direction.debugDescription) is not known; there is no way but up")
        }
        let findings = try await StoreMigration(places: try scope.places()).run(migrates: !check)
        for finding in findings { print(finding.line) }
        if findings.isEmpty { print("there is no store yet; `kuma-cp run` makes it") }
        if !findings.allSatisfy(\.isCurrent) { throw ExitCode(1) }
      }
    }
  }

  /// Runs a command. A failure is printed as a sentence on standard error.
  static func reportingFailure(_ body: () async throws -> Void) async throws {
    // Without this, a write beyond the limit of file sizes (ulimit -f) would kill the process instead of failing.
    signal(SIGXFSZ, SIG_IGN)
    do {
      try await body()
    } catch let error as any CustomStringConvertible & Error {
      try? FileHandle.standardError.write(contentsOf: Data("Error: \(error.description.printableLines)\n".utf8))
      throw ExitCode(1)
    }
  }
}

/// What a backup or a restore is about.
struct BackupScope: ParsableArguments {
  /// The settings that say where a control plane keeps what it has.
  struct Settings: ParsableArguments {
    @Option(
      name: [.customLong("config-file"), .customShort("c")],
      help: ArgumentHelp("Configuration file in YAML.", valueName: "file"),
      completion: .file())
    var configFile: String?

    @OptionGroup var flags: SettingFlags<BackupFlags>

    func places() throws -> StorePlaces {
      StorePlaces(
        try ControlPlaneConfiguration.load(
          file: configFile, environment: ProcessInfo.processInfo.environment, flags: flags.values
        ).configuration)
    }
  }

  @Option(
    help: ArgumentHelp("What it is about; both when it is not given.", valueName: "resources|traces"),
    completion: .list(["resources", "traces"]))
  var only: String?

  @OptionGroup var options: Settings

  func places() throws -> StorePlaces { try options.places() }

  func part() throws -> StorePlaces.Part? {
    guard let only else { return nil }
    guard let part = StorePlaces.Part(rawValue: only) else {
      throw StorePlaces.Refusal(description: "--only \(only.debugDescription) is not known; give resources or traces")
    }
    return part
  }
}

/// The flags of `kuma-cp backup`, `restore` and `migrate`.
enum BackupFlags: SettingFlagList {
  static let parsing = SingleValueParsingStrategy.next
  static let settings: [any AnySetting] = {
    let all = ControlPlaneSettings()
    return [all.store, all.workDir, all.collector.storeFile]
  }()
}
