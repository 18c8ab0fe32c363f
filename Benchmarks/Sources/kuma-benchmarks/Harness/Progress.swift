import Foundation

/// Writes a line that is no result, to standard error.
func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
