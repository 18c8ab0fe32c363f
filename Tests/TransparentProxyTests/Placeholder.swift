/// Holds the place of the first suite.
enum Placeholder {}
