/// A part of the product that reads input from outside.
struct FuzzTarget: Sendable {
  /// The name: the target's folder in `Fuzz/Corpus`, and the argument of `kuma-fuzz`.
  let name: String
  /// What is read.
  let summary: String
  /// What one input may cost.
  let bounds: FuzzBounds
  /// Inputs that are read before the others, so that what is made only once is there.
  let samples: [[UInt8]]
  /// Reads one input, and traps where what came out is wrong. Returns how much came out, in a unit of the target's own: values, spans,
  /// bytes.
  let read: @Sendable ([UInt8]) -> Int

  init(
    _ name: String, _ summary: String, bounds: FuzzBounds = FuzzBounds(), samples: [String] = [],
    read: @escaping @Sendable ([UInt8]) -> Int
  ) {
    self.name = name
    self.summary = summary
    self.bounds = bounds
    self.samples = [[]] + samples.map { Array($0.utf8) }
    self.read = read
  }

  /// All targets.
  static let all: [FuzzTarget] =
    documents + spans + calls + secrets + proxies + evidence + access + addresses + queries + backups + kubernetes
}

/// What one input may cost, each as a line over its length in bytes.
struct FuzzBounds: Sendable {
  /// A bound that grows with the input.
  struct Line: Sendable {
    let base: Int
    let perByte: Int

    init(_ base: Int, perByte: Int) {
      self.base = base
      self.perByte = perByte
    }

    /// The bound for an input.
    func value(for count: Int) -> Int { base + perByte * count }

    func holds(_ value: Int, for count: Int) -> Bool { value <= self.value(for: count) }
  }

  /// The most bytes that are allocated at once.
  var memory = Line(2 << 20, perByte: 1_024)
  /// How often memory is allocated: a count of the work that is the same on every machine.
  var allocations = Line(20_000, perByte: 100)
  /// How much comes out, in the target's unit.
  var output = Line(64, perByte: 8)
  /// The processor time, in microseconds: far above what is seen, since it is of a program that is not optimised on any machine. What is
  /// quadratic goes beyond it; the counts above find the rest.
  var microseconds = Line(1_000_000, perByte: 100)

  /// The bounds where YAML is read: aliases may stand for ten thousand values, however short the text is.
  static let ofYAML = FuzzBounds(
    memory: Line(16 << 20, perByte: 1_024), allocations: Line(200_000, perByte: 100), output: Line(12_000, perByte: 8))
}

/// Ends the program with a sentence where something does not hold; the fuzzing library keeps the input.
func require(_ holds: Bool, _ sentence: @autoclosure () -> String) {
  if !holds { fatalError(sentence()) }
}
