#!/usr/bin/env python3
"""Tests of check-arrows.py, check-sizes.py and check-dials.py: small trees with a fault have to be refused, and those without one to pass."""

import importlib.util
import pathlib
import sys
import tempfile
import unittest



def load(name):
    """A program of this folder as a module; their names are no identifiers."""
    specification = importlib.util.spec_from_file_location(name, pathlib.Path(__file__).resolve().parent / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


sys.dont_write_bytecode = True
arrows = load("check-arrows")
sizes = load("check-sizes")
dials = load("check-dials")

TABLE = """# Architecture

| Target | The one thing it does | May import |
|---|---|---|
| `Base`, `CBase` | values | nothing; outside: Glibc |
| `Shop` | sells them | Base |
| `shop-program` | wires | Base, Shop; outside: nothing |
"""


class TreeTestCase(unittest.TestCase):
    """A tree of sources in a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name in ("Base", "CBase", "Shop", "shop-program"):
            (self.root / "Sources" / name).mkdir(parents=True)
        (self.root / "Tests").mkdir()

    def write(self, path, text):
        file = self.root / "Sources" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


class CheckArrowsTests(TreeTestCase):
    def folder_faults(self, false_hits=None):
        return "\n".join(arrows.check_folders(self.root, false_hits or {}))

    # --- The table and the imports ---
    def test_a_row_is_read_for_each_of_its_targets(self):
        walls, faults = arrows.read_table(TABLE)
        self.assertEqual(faults, [])
        self.assertEqual(walls["CBase"], (frozenset(), {"Glibc"}))
        self.assertEqual(walls["Shop"], ({"Base"}, None))
        self.assertEqual(walls["shop-program"], ({"Base", "Shop"}, frozenset()))

    def test_what_is_no_target_is_refused_in_the_last_column(self):
        faults = arrows.read_table(TABLE.replace("| Base |", "| all of the above |"))[1]
        self.assertEqual(
            faults, ['docs/architecture.md: Shop may import "all of the above", which is no target of the table'])

    def test_imports_that_the_table_does_not_allow_are_refused(self):
        self.write("Base/Value.swift", "import Glibc\n#if canImport(Musl)\nimport Musl\n#endif\npackage import Shop\n")
        self.write("Shop/Shop.swift", "import Base\nimport NIOCore\n")
        self.write("shop-program/main.swift", "@testable import struct Shop.Counter\nimport Foundation\n")
        faults = arrows.check_imports(self.root, arrows.read_table(TABLE)[0])
        self.assertEqual(faults, [
            "Sources/Base/Value.swift:5: Base must not import Shop",
            "Sources/shop-program/main.swift:2: shop-program must not import Foundation",
        ])

    def test_a_target_without_a_row_and_a_row_without_a_target_are_refused(self):
        self.write("Cellar/Cellar.swift", "")
        table = TABLE + "| `Attic` | old things | nothing |\n"
        self.assertEqual(arrows.check_imports(self.root, arrows.read_table(table)[0]), [
            "Sources/Cellar: the table in docs/architecture.md has no row for this target",
            "docs/architecture.md: there is no folder Sources/Attic; remove the row",
        ])

    def test_dependencies_that_the_table_does_not_allow_are_refused(self):
        package = {"targets": [
            {"name": "Base", "type": "regular", "dependencies": [{"byName": ["shop-program", None]}]},
            {"name": "shop-program", "type": "executable", "dependencies": [{"byName": ["Shop", None]}]},
            {"name": "BaseTests", "type": "test", "dependencies": [{"byName": ["shop-program", None]}]},
        ]}
        self.assertEqual(arrows.check_package(package, arrows.read_table(TABLE)[0]), [
            "Package.swift: Base must not depend on shop-program",
            "Package.swift: Base must not depend on the program shop-program",
        ])

    def test_a_cycle_of_three_targets_is_found(self):
        cycle = {"A": {"B"}, "B": {"C"}, "C": {"A"}, "D": {"A"}}
        self.assertEqual(arrows.find_cycles(cycle), [["A", "B", "C"]])
        self.assertEqual(arrows.find_cycles({**cycle, "C": set()}), [])

    # --- Folders ---
    def test_two_folders_that_name_types_of_each_other_are_refused(self):
        self.write("Shop/Front/Counter.swift", "struct Counter { let shelves: [Shelf] }\n")
        self.write("Shop/Back/Shelf.swift", "enum Shelf {\n  case free\n  func sell(at counter: Counter) {}\n}\n")
        self.assertEqual(self.folder_faults().splitlines(), [
            "Sources/Shop: the folders Back, Front depend on each other:",
            "  Back names of Front: Counter (Back/Shelf.swift:3)",
            "  Front names of Back: Shelf (Front/Counter.swift:1)",
        ])

    def test_one_direction_is_no_cycle(self):
        self.write("Shop/Front/Counter.swift", "struct Counter { let shelves: [Shelf] }\n")
        self.write("Shop/Back/Shelf.swift", "// The Counter sells.\n/* Counter /* Counter */ Counter */\nenum Shelf {}\n")
        self.assertEqual(self.folder_faults(), "")

    def test_files_beside_the_folders_count_as_a_folder(self):
        self.write("Shop/Shop.swift", "struct Shop { let counter: Counter }\n")
        self.write("Shop/Front/Counter.swift", "struct Counter { unowned let shop: Shop }\n")
        self.assertIn("the folders (the target's own), Front depend on each other", self.folder_faults())

    def test_an_extension_belongs_to_the_folder_where_it_stands(self):
        self.write("Shop/Front/Counter.swift", "struct Counter {}\nlet open = Counter().isOpen\n")
        self.write("Shop/Back/Counter+Shelf.swift", "extension Counter { struct Drawer {} }\n")
        self.assertEqual(self.folder_faults(), "")
        self.write("Shop/Front/Till.swift", "struct Till { let drawer: Counter.Drawer }\n")
        self.assertIn("Front names of Back: Counter.Drawer (Front/Till.swift:1)", self.folder_faults())

    def test_a_nested_type_is_found_by_its_short_name_where_it_is_in_scope(self):
        self.write("Shop/Front/Counter.swift", "struct Counter { let drawer: Drawer }\nstruct Till { let drawer: Int }\n")
        self.write("Shop/Back/Counter+Shelf.swift", "extension Counter { struct Drawer {} }\n")
        self.assertIn("Front names of Back: Counter.Drawer (Front/Counter.swift:1)", self.folder_faults())

    def test_a_nested_or_private_type_hides_one_of_the_same_name_elsewhere(self):
        self.write(
            "Shop/Front/Counter.swift",
            "struct Counter { enum Key {}; let key: Key }\nprivate struct Row {}\nlet row = Row()\n")
        self.write("Shop/Back/Key.swift", "struct Key { let counter: Counter }\nstruct Row {}\n")
        self.assertEqual(self.folder_faults(), "")

    def test_strings_are_no_code_but_what_they_interpolate_is(self):
        self.write("Shop/Back/Shelf.swift", "struct Shelf { let counter: Counter }\n")
        self.write("Shop/Front/Counter.swift", "\n".join([
            'struct Counter {}', 'let a = "Shelf \\"Shelf\\" \\(1)"', 'let b = #"Shelf " \\(Shelf)"#', 'let c = """',
            '  Shelf "', '  """', '']))
        self.assertEqual(self.folder_faults(), "")
        self.write("Shop/Front/Words.swift", 'let d = "is \\(name("x") + Shelf.name) here"\n')
        self.assertIn("Front names of Back: Shelf (Front/Words.swift:1)", self.folder_faults())

    def test_a_false_hit_is_listed_and_has_to_be_one(self):
        self.write("Shop/Front/Counter.swift", "struct Counter { let shelves: [Shelf] }\n")
        self.write("Shop/Back/Shelf.swift", "struct Shelf { let counter: Counter }\n")
        self.assertEqual(self.folder_faults({("Shop", "Back", "Counter"): "a reason"}), "")
        self.assertIn(
            "Shop/Back does not name Till; remove it", self.folder_faults({("Shop", "Back", "Till"): "a reason"}))

    # --- Processes ---
    def test_a_process_of_foundation_is_refused_and_one_of_our_own_is_not(self):
        self.write("Base/Span.swift", "import TraceModel\nlet process = Process()\n")
        self.write("Base/Own.swift", "import Foundation\nstruct Process {}\nlet process = Process()\n")
        self.write("Base/Other.swift", "import Foundation\nlet a = JaegerSpan.Process(), b = ChildProcess() // Process()\n")
        self.assertEqual(arrows.check_processes(self.root), [])
        for use in ("Process()", "Process.run(url, [])", "Process.init()", "Foundation.Process()", "[NSTask]()"):
            self.write("Shop/Some.swift", f"package import Foundation\nlet process = {use}\n")
            faults = arrows.check_processes(self.root)
            self.assertEqual(len(faults), 1, use)
            self.assertIn("Sources/Shop/Some.swift:2: start programs with ProcessSupervisor", faults[0])

    # --- The document ---
    def test_paths_and_types_that_are_not_there_are_refused(self):
        self.write("Base/Value.swift", "struct FirstValue { enum Inner {} }\n")
        (self.root / "docs").mkdir()
        text = TABLE + "\n".join([
            "`Sources/Base/Value.swift` has `FirstValue` and `Host`, not `LastValue`.", "`Sources/Gone.swift`, [x](y.md)"])
        self.assertEqual(arrows.check_document(self.root, text), [
            "docs/architecture.md:8: no source declares LastValue",
            "docs/architecture.md:9: the link to y.md leads nowhere",
            "docs/architecture.md:9: there is no Sources/Gone.swift",
        ])


class CheckSizesTests(TreeTestCase):
    def test_a_long_file_and_a_large_target_are_refused(self):
        for name in ("Base", "CBase", "Shop", "shop-program", "BaseTestSupport"):
            self.write(f"{name}/Some.swift", "\n" * 100)
        self.assertIn("holds 100 of 400 lines", sizes.check_targets(self.root)[0][0])
        for name in ("Cellar", "Attic"):
            self.write(f"{name}/Some.swift", "\n" * 100)
        self.assertEqual(sizes.check_targets(self.root)[0], [])
        self.assertEqual(sizes.check_files(self.root), [])
        self.write("Base/Long.swift", "\n" * 351)
        self.write("EnvoyAPI/Generated.swift", "\n" * 351)
        self.assertEqual(sizes.check_files(self.root), ["Sources/Base/Long.swift has 351 lines; 350 are the most"])

    def test_a_long_function_of_javascript_is_refused(self):
        body = "\n".join("  if (x) { y(`{ ${z({ a: 1 })} }`, '{', /[}/]{/); } // }" for _ in range(79))
        for head, tail in (
            ("function f(a) {", "}"), ("const f = (a) => {", "};"), ("f(a) {", "}"), ("const f = g(() => ({", "}));")):
            self.write("Base/page.js", f"class A {{\n{head}\n{body[:body.rindex(chr(10))]}\n{tail}\n}}\n")
            self.assertEqual(sizes.check_files(self.root), [])
            self.write("Base/page.js", f"class A {{\n{head}\n{body}\n{tail}\n}}\n")
            self.assertEqual(
                sizes.check_files(self.root), ["Sources/Base/page.js:2: the function has 81 lines; 80 are the most"])


class CheckDialsTests(TreeTestCase):
    TABLE = """# Security

| Who | In the sources |
|---|---|
| the database | `Sources/Base/Database.swift` |
"""

    def faults(self, table=TABLE):
        (self.root / "SECURITY.md").write_text(table, encoding="utf-8")
        return "\n".join(dials.check(self.root)[0])

    def test_a_file_in_the_table_may_dial(self):
        self.write("Base/Database.swift", "let c = PQconnectStartParams(a, b, 0)")
        self.assertEqual(self.faults(), "")

    def test_any_other_file_may_not(self):
        self.write("Base/Database.swift", "let c = PQconnectStartParams(a, b, 0)")
        for use in ("ClientBootstrap(group: group)", "HTTPClient(eventLoopGroup: group)", "HTTPClient.shared.execute(request)",
                    "URLSession.shared", "connect(made, $0, socklen_t(size))", "Glibc.connect(a, b, c)", "sendto(a, b, c, 0, d, e)",
                    "DatagramBootstrap(group: group)", "HTTP2ClientTransport.Posix(target: t)"):
            self.write("Shop/Sale.swift", f"\nlet a = {use}")
            self.assertIn("Sources/Shop/Sale.swift:2:", self.faults(), use)

    def test_words_that_do_not_dial_are_free(self):
        self.write("Base/Database.swift", "let c = PQconnectStartParams(a, b, 0)")
        self.write("Shop/Sale.swift", "// URLSession\nfunc connect(_ proxy: ProxyID) {}\nlet a: HTTPClient.Configuration; sessions.connect(a)")
        self.assertEqual(self.faults(), "")

    def test_a_row_without_a_use_is_refused(self):
        self.assertIn("Sources/Base/Database.swift does not dial", self.faults())

    def test_a_document_without_the_table_is_refused(self):
        self.assertIn("there is no table", self.faults("# Security\n"))


if __name__ == "__main__":
    unittest.main()
