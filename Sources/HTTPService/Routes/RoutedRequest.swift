package import HTTPTypes

/// A request whose operation has been found.
package struct RoutedRequest: Sendable {
  /// The head.
  package var head: HTTPRequest
  /// The matched path, without the query.
  package var path: Substring
  package var operation: Operation
  /// The path's parameters.
  package var parameters: PathParameters
  /// The query.
  package var query: QueryParameters
  /// The body.
  package var body: [UInt8]
  /// Who sent it.
  package var caller: Caller

  package init(
    _ head: HTTPRequest, path: Substring, operation: Operation, parameters: PathParameters, query: QueryParameters,
    body: [UInt8], caller: Caller = .local
  ) {
    self.head = head
    self.path = path
    self.operation = operation
    self.parameters = parameters
    self.query = query
    self.body = body
    self.caller = caller
  }

  /// A parameter of the path, with its escapes; empty if the path does not have it.
  package func parameter(_ name: String) -> String { parameters[name].map(String.init) ?? "" }
}

/// The values of a path's parameters.
package struct PathParameters: Sendable {
  let names: [String]
  let values: [Substring]

  /// A value; nil if the path does not have the parameter.
  package subscript(_ name: String) -> Substring? {
    guard let index = names.firstIndex(of: name), index < values.count else { return nil }
    return values[index]
  }
}
