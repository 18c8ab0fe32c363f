import Glibc
import MeshModel
import ProgramSettings
import SystemErrors

/// The token by which a proxy proves who it is to a control plane that asks for one.
struct DataplaneToken: Sendable, Equatable {
  /// The token.
  let text: String
  /// The file in which it was; `nil` when it was given as text.
  let file: String?
  /// The absolute path of the file: Envoy may have another working directory.
  var path: String? {
    guard let file, !file.hasPrefix("/") else { return file }
    guard let folder = getcwd(nil, 0) else { return nil }
    defer { free(folder) }
    return "\(String(cString: folder))/\(file)"
  }
  /// Whether the file holds the token alone, so that Envoy can read it too.
  let isAlone: Bool

  /// Reads the token where one is given.
  ///
  /// - Throws: ``LaunchFailure`` when the file cannot be read or holds no token. What is in a token is the control
  ///   plane's to judge.
  init?(_ settings: SettingValues<DataplaneSettings>) throws(LaunchFailure) {
    guard let (setting, value) = try settings.oneOf(\.token, \.tokenFile) else { return nil }
    if setting == \.tokenFile {
      file = value.text
      let content = try LaunchConfiguration.text(FileAccess.read(value.text), of: value)
      text = content.trimmed
      isAlone = content == text
    } else {
      file = nil
      text = value.text.trimmed
      isAlone = false
    }
    let place = file.map { "\(value.place): \($0)" } ?? value.place
    if let fault = Self.fault(text) {
      throw LaunchFailure(
        .badToken,
        "\(place) \(fault); in a pod, name the file with the token of its service account. Elsewhere make a token with "
          + "`kumactl generate dataplane-token`, and leave the option out where the control plane asks for none"
      )
    }
  }

  /// Why text is no JSON web token; `nil` when it is one. Source of the form: RFC 7519, section 3.
  static func fault(_ text: String) -> String? {
    if text.isEmpty { return "is empty" }
    if text.contains(where: { $0.isWhitespace || $0.isNewline }) { return "holds blanks or line ends within the token" }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, let header = parts.first.flatMap({ decode($0) }), decode(parts[1]) != nil else {
      return "holds no JSON web token, which has three parts with dots between"
    }
    guard let object = try? DocumentValue(json: header), object["alg"]?.string?.isEmpty == false else {
      return "holds no JSON web token: its first part names no algorithm"
    }
    return nil
  }

  private static func decode(_ part: Substring) -> [UInt8]? {
    part.isEmpty || part.contains("=") ? nil : Base64.decode(String(part))
  }
}

extension String {
  fileprivate var trimmed: String {
    var rest = self[...]
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
  }
}
