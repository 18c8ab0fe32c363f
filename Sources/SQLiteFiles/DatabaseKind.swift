public import GRDB

/// A kind of database: its application id, its schema, and the words of its messages.
public struct DatabaseKind: Sendable {
  /// The name of the database in messages, such as `trace store`.
  public var noun: String
  /// The program that uses it, such as `collector`.
  public var owner: String
  /// What the user does after the cause is removed, such as `send again`.
  public var retry: String
  /// What the user does about a damaged file, such as `move it away to start with an empty one`.
  public var repair: String
  /// Marks a file as a database of this kind, so that a file of another program is refused.
  public var applicationID: Int32
  /// Statements that are run once on the connection for writing.
  public var settings: [String]
  /// The schema, one step per version. A released step never changes; a new one is added.
  public var migrator: DatabaseMigrator

  /// Describes a kind of database.
  public init(
    noun: String, owner: String, retry: String, repair: String, applicationID: Int32, settings: [String] = [],
    migrator: DatabaseMigrator
  ) {
    self.noun = noun
    self.owner = owner
    self.retry = retry
    self.repair = repair
    self.applicationID = applicationID
    self.settings = settings
    self.migrator = migrator
  }

  /// The newest version of the schema that this program knows, in quotation marks.
  package var newest: String { migrator.migrations.last.map(\.debugDescription) ?? "none" }
}
