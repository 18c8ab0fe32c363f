import Foundation
import NIOCore
import SystemErrors

/// The identity of this control plane.
enum ControlPlaneIdentity {
  /// The machine's name.
  static let hostname = ProcessInfo.processInfo.hostName

  /// The id of this run: the machine's name and four random hexadecimal digits, as in Kuma.
  static func instance() -> String {
    let digits = String(UInt16.random(in: .min ... .max), radix: 16)
    return "\(hostname)-\(String(repeating: "0", count: 4 - digits.count))\(digits)"
  }

  /// A file of the work directory cannot be used.
  struct Failure: Error, CustomStringConvertible {
    /// What is wrong and how to fix it.
    var description: String
  }

  /// The id of the store: a UUID in a file beside it, created at the first start, so that it survives restarts.
  ///
  /// - Parameter directory: the work directory; `nil` for a store in memory.
  static func cluster(in directory: URL?) throws(Failure) -> String {
    let fresh = UUID().uuidString.lowercased()
    guard let file = directory?.appending(path: "cluster-id") else { return fresh }
    if let text = try? String(contentsOf: file, encoding: .utf8),
      let known = UUID(uuidString: text.trimmingCharacters(in: .whitespacesAndNewlines))
    {
      return known.uuidString.lowercased()
    }
    let path = file.path(percentEncoded: false)
    if case .failure(let failure) = FileAccess.write(Array("\(fresh)\n".utf8), to: path, mode: 0o644) {
      throw Failure(
        description:
          "\(path) cannot be written: \(SystemError(failure.number)); make its directory writable or choose another")
    }
    return fresh
  }

  /// The names of this machine: its host name, with and without the domain, and the names of its addresses in the hosts file.
  ///
  /// - Parameter table: the text of `/etc/hosts`.
  static func machineNames(
    table: String = (try? String(contentsOfFile: "/etc/hosts", encoding: .utf8)) ?? ""
  ) -> Set<String> {
    var names: Set<String> = [hostname]
    if let short = hostname.split(separator: ".").first { names.insert(String(short)) }
    let addresses = Set(((try? System.enumerateDevices()) ?? []).compactMap { $0.address?.ipAddress })
    for line in table.prefix(100_000).split(whereSeparator: \.isNewline) {
      let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
      guard let address = words.first else { continue }
      guard address.hasPrefix("127.") || address == "::1" || addresses.contains(String(address)) else { continue }
      names.formUnion(words.dropFirst().map(String.init))
    }
    return names
  }

  /// The names and addresses by which proxies may reach a server with this listen address.
  static func names(listeningOn host: String) -> [String] {
    guard host == "0.0.0.0" || host == "::" else { return [hostname, host] }
    let devices = (try? System.enumerateDevices()) ?? []
    return [hostname] + devices.compactMap { $0.address?.ipAddress }
  }
}
