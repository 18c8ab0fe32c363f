public import GRDB

/// What tells one of our databases from another: its mark, its schema, and the words of its messages.
public struct DatabaseKind: Sendable {
  /// What the database is called in messages, such as `trace store`.
  public var noun: String
  /// Which program uses it, such as `collector`.
  public var owner: String
  /// What to do once an obstacle is gone, such as `send again`.
  public var retry: String
  /// What to do about a damaged file, such as `move it away to begin with an empty one`.
  public var repair: String
  /// Marks a database as of this kind, so that another program's file is not taken for one.
  public var applicationID: Int32
  /// Statements that each connection for writing begins with.
  public var settings: [String]
  /// The schema, one step per version. A step that was released is never changed: one is added.
  public var migrator: DatabaseMigrator

  /// Describes a kind of databases.
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
}
