/// Holds the place of the first type.
enum Placeholder {}
