// Whoever works with resources works with their documents too.
@_exported public import Documents
