/// A word that says something about what follows it.
enum LeadWord: Sendable, Hashable {
  /// A scheme of credentials: `Bearer …`.
  case scheme
  /// A scheme whose name is a word of other texts too, so that the credentials have to look random.
  case doubtfulScheme
  /// A program that takes a password as an argument.
  case program(SecretProgram)
  /// `login`, of which programs take a password.
  case login
  /// The beginning of a statement of SQL that may give somebody a password.
  case definition
  /// `IDENTIFIED`, and `BY` or `AS` after it.
  case identified, by
  /// `PASSWORD`, which a literal of SQL may follow.
  case password

  private static let programs: [(names: String, program: SecretProgram)] = [
    ("curl wget", SecretProgram(flag: "u", takes: .user)), ("http https", SecretProgram(flag: "a", takes: .user)),
    (
      "mysql mysqldump mysqladmin mysqlimport mysqlsh mysqlcheck mysqlbinlog mariadb mariadb-dump mariadb-admin 7z 7za 7zz",
      SecretProgram(flag: "p", takes: .joined)
    ), ("redis-cli valkey-cli keydb-cli", SecretProgram(flag: "a", takes: .argument)),
    (
      "sshpass mongo mongosh mongodump mongorestore mongoimport mongoexport rabbitmqadmin",
      SecretProgram(flag: "p", takes: .argument)
    ),
    (
      "sqlcmd bcp zip unzip mosquitto_pub mosquitto_sub ipmitool", SecretProgram(flag: "P", takes: .argument)
    ),
    (
      "ldapsearch ldapmodify ldapadd ldapdelete ldapwhoami ldappasswd ldapcompare",
      SecretProgram(flag: "w", takes: .argument)
    ),
    (
      "docker podman nerdctl buildah skopeo helm oras crane az oc cf registry",
      SecretProgram(flag: "p", takes: .argument, isAfterLogin: true)
    ),
  ]

  private static let words: [String: LeadWord] = {
    var words: [String: LeadWord] = [
      "bearer": .scheme, "basic": .scheme, "token": .doubtfulScheme, "apikey": .doubtfulScheme,
      "negotiate": .doubtfulScheme, "login": .login, "create": .definition, "alter": .definition, "grant": .definition,
      "identified": .identified, "by": .by, "as": .by, "password": .password,
    ]
    for (names, program) in programs {
      for name in names.split(separator: " ") { words[String(name)] = .program(program) }
    }
    return words
  }()

  /// The words by their hashes, as slots of a table: a hash is in the first free slot from the one that its lowest bits name.
  private static let slots: [(hash: UInt64, word: LeadWord?)] = {
    var slots = [(hash: UInt64, word: LeadWord?)](repeating: (0, nil), count: slotCount)
    for (text, word) in words {
      var text = text
      let hash = text.withUTF8 { Self.hash(UnsafeRawBufferPointer($0)) }
      var index = Int(truncatingIfNeeded: hash) & (slotCount - 1)
      while slots[index].hash != 0 { index = (index + 1) & (slotCount - 1) }
      slots[index] = (hash, word)
    }
    return slots
  }()
  private static let slotCount = 256

  /// For each first letter the lengths of the words that begin with it, a bit for each. Never released.
  private nonisolated(unsafe) static let lengths: UnsafePointer<UInt32> = {
    let lengths = UnsafeMutablePointer<UInt32>.allocate(capacity: 32)
    lengths.initialize(repeating: 0, count: 32)
    for text in words.keys {
      guard let first = text.utf8.first, text.utf8.count < 32 else { continue }
      lengths[Int(first & 31)] |= 1 << UInt32(text.utf8.count)
    }
    return UnsafePointer(lengths)
  }()

  /// A quick look at the first character and the length: false for most words that are none of these.
  @inline(__always) static func mayBe(_ first: UInt8, _ count: Int) -> Bool {
    count < 32 && lengths[Int(first & 31)] >> UInt32(count) & 1 != 0
  }

  /// What a text says, in whatever case; nil if nothing.
  init?(_ text: UnsafeRawBufferPointer) {
    let hash = Self.hash(text)
    var index = Int(truncatingIfNeeded: hash) & (Self.slotCount - 1)
    while Self.slots[index].hash != 0 {
      if Self.slots[index].hash == hash, let word = Self.slots[index].word {
        self = word
        return
      }
      index = (index + 1) & (Self.slotCount - 1)
    }
    return nil
  }

  /// FNV-1a of the text in lower case.
  private static func hash(_ text: UnsafeRawBufferPointer) -> UInt64 {
    text.reduce(0xcbf2_9ce4_8422_2325) { hash, byte in
      let lower = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
      return (hash ^ UInt64(lower)) &* 0x0000_0100_0000_01b3
    }
  }
}

/// A program that takes a password on its command line.
struct SecretProgram: Sendable, Hashable {
  /// What follows the flag.
  enum Argument: Sendable, Hashable {
    /// A user, a colon and a password.
    case user
    /// A password, joined to the flag. Behind a blank it is something else.
    case joined
    /// A password, joined or behind a blank.
    case argument
  }

  /// The flag, a letter.
  var flag: UInt8
  /// What follows it.
  var takes: Argument
  /// Whether the flag means that only after `login`.
  var isAfterLogin = false

  init(flag: Unicode.Scalar, takes: Argument, isAfterLogin: Bool = false) {
    (self.flag, self.takes, self.isAfterLogin) = (UInt8(ascii: flag), takes, isAfterLogin)
  }

  /// Whether it takes URLs, in which signs stand that end other command lines.
  var isWebClient: Bool { takes == .user }
}
