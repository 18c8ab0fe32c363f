import Glibc
import KumactlCommands

/// The program: the commands are in the library.
@main
enum EntryPoint {
  static func main() async { exit(await KumactlProgram.main(Array(CommandLine.arguments.dropFirst()))) }
}
