/// Why a template cannot be read or rendered.
package struct TemplateError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file of the chart, such as `templates/service.yaml`.
  package var file: String
  /// The line in the file, from 1.
  package var line: Int
  /// What is wrong.
  package var message: String

  /// The message with its place.
  package var description: String { "\(file):\(line): \(message)" }
}
