/// The tables and their migrations.
enum Schema {
  /// The channel on which a transaction announces its number.
  static let channel = "kuma_trace_change"

  /// The statements of each version. A released version never changes; a change needs a new version.
  static let versions: [[String]] = [
    [
      // One row. A writer locks it until the commit, so that numbers follow the order of commits.
      """
      CREATE TABLE kuma_trace_store (
        id integer PRIMARY KEY CHECK (id = 1),
        cluster_id uuid NOT NULL,
        last_change bigint NOT NULL,
        forgotten_change bigint NOT NULL,
        last_time bigint NOT NULL
      ) WITH (fillfactor = 10)
      """,
      "INSERT INTO kuma_trace_store VALUES (1, gen_random_uuid(), 0, 0, 0)",
      // The owner of a mesh-scoped resource is its mesh. `json` keeps the text unchanged, including `\u0000`.
      """
      CREATE TABLE kuma_trace_resource (
        type text COLLATE "C" NOT NULL,
        mesh text COLLATE "C" NOT NULL,
        name text COLLATE "C" NOT NULL,
        creation_time bigint NOT NULL,
        modification_time bigint NOT NULL,
        revision bigint NOT NULL,
        labels json NOT NULL,
        spec json NOT NULL,
        change bigint NOT NULL,
        owner_type text COLLATE "C" GENERATED ALWAYS AS (CASE WHEN mesh <> '' THEN 'Mesh' END) STORED,
        owner_mesh text COLLATE "C" GENERATED ALWAYS AS (CASE WHEN mesh <> '' THEN '' END) STORED,
        PRIMARY KEY (type, mesh, name),
        FOREIGN KEY (owner_type, owner_mesh, mesh) REFERENCES kuma_trace_resource (type, mesh, name)
      )
      """,
      "CREATE INDEX kuma_trace_resource_by_change ON kuma_trace_resource (change)",
      "CREATE INDEX kuma_trace_resource_by_owner ON kuma_trace_resource (owner_type, owner_mesh, mesh)",
      // Deletions, for control planes that have not seen them yet.
      """
      CREATE TABLE kuma_trace_deletion (
        type text COLLATE "C" NOT NULL,
        mesh text COLLATE "C" NOT NULL,
        name text COLLATE "C" NOT NULL,
        change bigint NOT NULL,
        PRIMARY KEY (type, mesh, name)
      )
      """,
      "CREATE INDEX kuma_trace_deletion_by_change ON kuma_trace_deletion (change)",
    ]
  ]

  /// The advisory lock for reading and raising the version: "kuma" in ASCII, and 0.
  private static let lock: Int64 = 0x6b75_6d61_0000_0000

  /// Migrates the tables. If several programs start at once, one migrates and the others wait.
  static func migrate(_ connection: Connection) throws(PostgresFailure) {
    let answers = try connection.run([
      Statement("SELECT current_setting('server_encoding'), to_regclass('kuma_trace_schema') IS NOT NULL")
    ])
    guard answers[0].text(0, 0) == "UTF8" else {
      let encoding = answers[0].text(0, 0) ?? "unknown"
      throw PostgresFailure(.unusable, "its encoding is \(encoding); create a database with ENCODING 'UTF8'")
    }
    if answers[0].int(0, 1) == 1, try version(connection) == versions.count { return }
    do {
      try connection.run([
        Statement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
        Statement("SELECT pg_advisory_xact_lock($1)", .int(lock)),
        Statement(
          """
          CREATE TABLE IF NOT EXISTS kuma_trace_schema (
            version integer PRIMARY KEY,
            applied_at timestamptz NOT NULL DEFAULT now()
          )
          """),
      ])
      let present = try version(connection)
      var statements: [Statement] = []
      for number in versions.indices.dropFirst(present) {
        statements += versions[number].map { Statement($0) }
        statements.append(
          Statement("INSERT INTO kuma_trace_schema (version) VALUES ($1::bigint)", .int(Int64(number) + 1)))
      }
      try connection.run(statements + [Statement("COMMIT")])
    } catch {
      guard case .refused("42501") = error.kind else { throw error }
      throw PostgresFailure(
        .refused("42501"), "\(error.message); the user needs the right to create tables (make it the database's owner)")
    }
  }

  /// The version of the tables; 0 where there are none. Creates nothing.
  static func present(_ connection: Connection) throws(PostgresFailure) -> Int {
    let exists = try connection.run([Statement("SELECT to_regclass('kuma_trace_schema') IS NOT NULL")])
    return exists[0].int(0, 0) == 1 ? try version(connection) : 0
  }

  /// The version of the tables, of which the table kuma_trace_schema is there.
  private static func version(_ connection: Connection) throws(PostgresFailure) -> Int {
    let answer = try connection.run([Statement("SELECT coalesce(max(version), 0) FROM kuma_trace_schema")])
    guard let version = answer[0].int(0, 0), version >= 0 else {
      throw PostgresFailure(.unusable, "its table kuma_trace_schema belongs to another program")
    }
    guard version <= Int64(versions.count) else {
      throw PostgresFailure(
        .unusable,
        "it was written by a newer version (tables \(version), this version knows \(versions.count)); start the newer version"
      )
    }
    return Int(version)
  }
}
