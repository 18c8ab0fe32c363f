/// One rule of iptables.
struct PacketRule: Hashable {
  /// A part of a rule: what it matches, or what it does.
  enum Part: Hashable {
    case transport(UserExclusion.Transport, destinationPorts: String? = nil)
    case multiport
    case source(String)
    case destination(String, negated: Bool = false)
    case leaves(String)
    case user(String, negated: Bool = false)
    case comment(String)
    case jump(String)
    case redirect(UInt16)
  }

  /// The chain that the rule belongs to.
  var chain: String
  /// Its place in the chain, from 1; at the end when `nil`.
  var position: Int?
  /// Its parts, in the order in which they are written.
  var parts: [Part]

  init(_ chain: String, at position: Int? = nil, _ parts: [Part]) {
    self.chain = chain
    self.position = position
    self.parts = parts
  }

  /// The rule as a line for `iptables-restore`.
  ///
  /// - Parameter isLong: whether options are written with their long names.
  func line(isLong: Bool) -> String {
    var words = [position == nil ? isLong ? "--append" : "-A" : isLong ? "--insert" : "-I", chain]
    if let position { words.append(String(position)) }
    return (words + parts.map { Self.text($0, isLong: isLong) }).joined(separator: " ")
  }

  private static func text(_ part: Part, isLong: Bool) -> String {
    func negation(_ negated: Bool) -> String { negated ? "! " : "" }
    let match = isLong ? "--match" : "-m"
    let jump = isLong ? "--jump" : "-j"
    switch part {
    case .transport(let transport, let ports):
      let port = ports.map { " \(isLong ? "--destination-port" : "--dport") \($0)" } ?? ""
      return "\(isLong ? "--protocol" : "-p") \(transport.rawValue)\(port)"
    case .multiport: return "\(match) multiport"
    case .source(let range): return "\(isLong ? "--source" : "-s") \(range)"
    case .destination(let range, let negated):
      return "\(negation(negated))\(isLong ? "--destination" : "-d") \(range)"
    case .leaves(let interface): return "\(isLong ? "--out-interface" : "-o") \(interface)"
    case .user(let user, let negated): return "\(match) owner \(negation(negated))--uid-owner \(user)"
    case .comment(let text): return "\(match) comment --comment \"\(text)\""
    case .jump(let target): return "\(jump) \(target)"
    case .redirect(let port): return "\(jump) REDIRECT --to-ports \(port)"
    }
  }
}
