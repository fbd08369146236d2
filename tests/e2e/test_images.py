"""Where the Go runtime is: in a library of a C or Python program, in memory that no file describes, in
programs whose files are damaged or gone; and programs that only look as if they were Go's."""
import contextlib
import importlib.machinery
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import types

import compare
import lib_fixture
import lib_gospy
import test_stack

PYTHON_HOST = """
import ctypes, sys, threading
library = ctypes.CDLL(sys.argv[1])
threading.Thread(target=library.park, daemon=True).start()
library.serve()
"""


MAP_A_PROGRAM = """
import json, mmap, os, sys, threading
with open(sys.argv[1], "rb") as f:
    mapped = mmap.mmap(f.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
print(json.dumps({"ready": True, "fixture": "mapper", "pid": os.getpid()}), flush=True)
threading.Thread(target=sys.stdin.read).start()
"""


EXECUTE_COPY = """
import os, sys
fd = os.memfd_create("copy")
with open(sys.argv[1], "rb") as f:
    os.write(fd, f.read())
os.execve(fd, ["copy"], os.environ)
"""


def without_sections(path, target):
    """A copy as sstrip(1) makes it."""
    loader = importlib.machinery.SourceFileLoader(
        "sstrip", os.path.join(lib_fixture.TOP, "fixtures", "sstrip"))
    sstrip = types.ModuleType(loader.name)
    loader.exec_module(sstrip)
    with open(path, "rb") as f:
        write(target, sstrip.without_sections(f.read()))


def write(path, content):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # a program that is still ending cannot be written to
    with open(path, "wb") as f:
        f.write(content)
    os.chmod(path, 0o755)


def read(path):
    with open(path, "rb") as f:
        return bytearray(f.read())


def listed(pid):
    """The entry of a process in `gospy list`, or None."""
    processes = lib_gospy.run("list", "--json").expect(lib_gospy.OK).json()["processes"]
    return next((p for p in processes if p["pid"] == pid), None)


class ImageTest(lib_gospy.TargetTest):
    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)

    def end_targets(self):
        """All but the removal of the directory, which came first."""
        keep = self._cleanups[:1]
        self._cleanups = self._cleanups[1:]
        self.doCleanups()
        self._cleanups = keep

    def path(self, name):
        return os.path.join(self.directory, name)

    def check_named(self, fixture):
        """`list` and `version` name the process and its Go."""
        self.assertEqual(listed(fixture.pid)["go_version"], fixture.ready["go"])
        run = lib_gospy.run("version", fixture.pid).expect(lib_gospy.OK)
        self.assertEqual(run.out, fixture.ready["go"] + "\n")

    def check_summary(self, fixture, *options):
        """Both ways to take a summary say what the fixture says; the document of the last."""
        for mode in ((), ("--non-blocking",)):
            document = lib_gospy.summary(fixture.pid, *mode, *options)
            compare.Goroutines(self, fixture.ready, document).check()
            compare.check_counts(self, fixture.ready, document)
            compare.check_processors(self, fixture.ready, document)
        return document

    def check_stack(self, fixture, *options):
        """The text of each goroutine that is at rest is the runtime's own."""
        aside = test_stack.moving(fixture.ready)
        for mode in ((), ("--non-blocking",)):
            own, shown = test_stack.at_rest(fixture, (*mode, *options), aside)
            self.assertEqual(sorted(shown), sorted(own))
            for goid in own.keys() - aside:
                self.assertEqual(shown[goid], own[goid])

    def check_all(self, fixture, *options):
        self.check_named(fixture)
        self.check_stack(fixture, *options)
        return self.check_summary(fixture, *options)


class LibraryTest(ImageTest):
    """-buildmode=c-shared"""

    def on_hosts(self, check, load=shutil.copy):
        """Check the library of each Go version, loaded by a program in C and by Python, with the path
        of the build; `load` makes what is loaded of it."""
        host = lib_gospy.builds("host", ["default"])[0].path
        for build in lib_gospy.builds("clib", ["cshared"]):
            for command in ([host], [sys.executable, "-c", PYTHON_HOST]):
                with self.subTest(build=str(build), host=os.path.basename(command[0])):
                    load(build.path, self.path("library.so"))
                    fixture = lib_fixture.Fixture(*command, self.path("library.so"))
                    check(self.watch(fixture), build.path)
                self.end_targets()
                os.unlink(self.path("library.so"))

    def test_library(self):
        def check(fixture, _):
            document = self.check_all(fixture)
            self.assertEqual(document["target"]["object"], self.path("library.so"))
            self.assertNotIn("note", document["target"])
            # Those that came from C have no go statement, and run on C's threads.
            names = {g["goid"]: g.get("name") for g in fixture.ready["goroutines"]}
            for g in document["goroutines"]:
                from_c = names[g["goid"]] in ("park", "stdin")
                self.assertEqual(from_c, "start" not in g)
                self.assertEqual(from_c, g["locked"])
        self.on_hosts(check)

    def test_deleted(self):
        def check(fixture, whole):
            os.unlink(self.path("library.so"))
            self.check_all(fixture)
            # Another file is there now, of the same name.
            without_sections(whole, self.path("library.so"))
            self.check_all(fixture)
        self.on_hosts(check)

    def test_stripped(self):
        def check(fixture, whole):
            self.check_named(fixture)
            self.check_summary(fixture, "--bin", whole)
            self.check_stack(fixture, "--bin", whole)
        self.on_hosts(check, load=strip_symbols)
        self.on_hosts(check, load=without_sections)

    def test_overwritten(self):
        """What is behind the last segment is not mapped: the process does not notice."""
        def check(fixture, whole):
            without_sections(whole, self.path("short"))
            end = os.path.getsize(self.path("short"))
            with open(self.path("library.so"), "r+b") as f:
                f.seek(end)
                f.write(b"\xff" * (os.path.getsize(whole) - end))
            later = time.time() + 60
            os.utime(self.path("library.so"), (later, later))
            self.check_named(fixture)
            document = self.check_summary(fixture, "--bin", whole)
            self.assertIn("library.so was written to after", document["target"]["note"])
        self.on_hosts(check)

    def test_unknown_tables(self):
        """As an obfuscator (garble) makes them: a library that has them is still Go's, and who looks
        into it is told what is missing."""
        host = lib_gospy.builds("host", ["default"])[0].path
        for build in lib_gospy.builds("clib", ["cshared"]):
            with self.subTest(build=str(build)):
                strip_symbols(build.path, self.path("library.so"))
                fixture = self.watch(lib_fixture.Fixture(host, self.path("library.so")))
                hide_tables(fixture.pid, self.path("library.so"))
                self.assertIsNotNone(listed(fixture.pid))
                for command in ("summary", "stack"):
                    run = lib_gospy.run(command, fixture.pid).expect(lib_gospy.ERROR)
                    self.assertIn("no function table of Go (pclntab)", run.err)
                    self.assertIn("obfuscator", run.err)
            self.end_targets()

    def test_two(self):
        """Two runtimes in one process: the first is shown unless --bin names the other."""
        host = lib_gospy.builds("host", ["default"])[0].path
        for build in lib_gospy.builds("clib", ["cshared"])[-1:]:
            paths = [self.path(name) for name in ("one.so", "two.so")]
            for i, path in enumerate(paths):
                # There are two programs, because otherwise either file would be a twin of both.
                content = read(build.path)
                content = content.replace(b"no room", b"no r%03d" % i)
                write(path, other_build_ids(content, i))
            fixture = self.watch(lib_fixture.Fixture(host, *paths))
            plain = lib_gospy.summary(fixture.pid)["target"]
            self.assertIn(plain["object"], paths)
            self.assertIn("2 objects of this process have a Go runtime", plain["note"])
            first = self.check_summary(fixture, "--bin", paths[0])
            self.assertEqual(first["target"]["object"], paths[0])
            second = lib_gospy.summary(fixture.pid, "--bin", paths[1])
            self.assertEqual(second["target"]["object"], paths[1])
            self.assertEqual(second["goroutines"], [])


class PluginTest(ImageTest):
    """-buildmode=plugin: functions of plugins are named, and the runtime is still the program's."""

    def test_plugin(self):
        for build in lib_gospy.builds("plughost", ["plugin"]):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                document = self.check_all(fixture)
                self.assertNotIn("object", document["target"])
                self.assertNotIn("note", document["target"])
            self.end_targets()


class SharedTest(ImageTest):
    """-linkshared: the runtime is in a library, and what the program has is another module of it."""

    def check_shared(self, build):
        fixture = self.watch(lib_fixture.start(build))
        document = self.check_all(fixture)
        self.assertIn("/libruntime", document["target"]["object"])
        self.assertNotIn("note", document["target"])
        listed = lib_gospy.run("list", "--json").expect(lib_gospy.OK).json()["processes"]
        self.assertEqual([p["go_version"] for p in listed if p["pid"] == fixture.pid],
                         [fixture.ready["go"]])
        run = lib_gospy.run("version", fixture.pid).expect(lib_gospy.OK)
        self.assertEqual(run.out, fixture.ready["go"] + "\n")
        lib_gospy.run("memstats", fixture.pid).expect(lib_gospy.OK)
        self.end_targets()

    def test_linkshared(self):
        for build in lib_gospy.builds("states", ["linkshared"]):
            with self.subTest(build=str(build)):
                self.check_shared(build)


def hide_tables(pid, path):
    """Give the function tables of a loaded library a magic that no Go has: the runtime looks at it
    when it begins (runtime.moduledataverify1), and not any more."""
    # debug/gosym/pclntab.go; behind it are 0, 0, minLC 1 and ptrSize 8.
    heads = [struct.pack("<I4B", magic, 0, 0, 1, 8)
             for magic in (0xfffffffb, 0xfffffffa, 0xfffffff0, 0xfffffff1)]
    hidden = 0
    with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
        maps = [line.split(maxsplit=5) for line in f]
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as mem:
        for mapping in maps:
            if mapping[-1].strip() != path or "x" in mapping[1]:
                continue
            start, end = (int(address, 16) for address in mapping[0].split("-"))
            mem.seek(start)
            content = mem.read(end - start)
            for at in range(0, len(content), 8):
                if content[at:at + 8] in heads:
                    mem.seek(start + at)
                    mem.write(b"\x12\x34\x56\x78")
                    hidden += 1
    if not hidden:
        raise AssertionError(f"no function table in {path}")


def strip_symbols(path, target):
    if not shutil.which("strip"):
        raise lib_gospy.unittest.SkipTest("no strip")
    subprocess.run(["strip", "-o", target, path], check=True)


def other_build_ids(elf, number):
    """The file with Go's and GNU's build IDs changed."""
    phoff, = struct.unpack_from("<Q", elf, 32)
    for i in range(struct.unpack_from("<H", elf, 56)[0]):
        kind, = struct.unpack_from("<I", elf, phoff + i * 56)
        offset, _, _, size = struct.unpack_from("<QQQQ", elf, phoff + i * 56 + 8)
        while kind == 4 and size > 12:  # PT_NOTE
            owner, desc, note = struct.unpack_from("<III", elf, offset)
            skip = 12 + (owner + 3) // 4 * 4
            if (bytes(elf[offset + 12:offset + 15]), note) in ((b"GNU", 3), (b"Go\0", 4)):
                elf[offset + skip] ^= 1 + number
            step = skip + (desc + 3) // 4 * 4
            offset, size = offset + step, size - step
    return elf


class MemoryTest(ImageTest):
    """Programs that no file describes."""

    def on_unpacked(self, check):
        """Check each program that can be unpacked to a fixed address by fixtures/c/unpack.c."""
        unpack = lib_gospy.builds("unpack", ["default"])[0].path
        for build in lib_gospy.builds("states", ["default"]):
            with self.subTest(build=str(build)):
                check(self.watch(lib_fixture.Fixture(unpack, build.path)), build.path)
            self.end_targets()

    def test_unpacked(self):
        def check(fixture, path):
            self.check_named(fixture)
            document = self.check_summary(fixture, "--bin", path)
            self.check_stack(fixture, "--bin", path)
            self.assertEqual(document["target"]["object"], "memory")
            self.assertIn("found in memory", document["target"]["note"])
        self.on_unpacked(check)

    def test_unpacked_together(self):
        """One file, and a different program in the memory of each process that runs it."""
        unpack = lib_gospy.builds("unpack", ["default"])[0].path
        fixtures = [self.watch(lib_fixture.Fixture(unpack, build.path))
                    for build in reversed(lib_gospy.builds("states", ["default"]))]
        shown = [listed(fixture.pid)["go_version"] for fixture in fixtures]
        self.assertEqual(shown, [fixture.ready["go"] for fixture in fixtures])

    def test_other_bin(self):
        parked = lib_gospy.builds("parked", ["default"])[-1].path

        def check(fixture, _):
            run = lib_gospy.run("summary", fixture.pid, "--bin", parked)
            self.assertIn("is not a twin", run.expect(lib_gospy.ERROR).err)
        self.on_unpacked(check)

    def test_upx(self):
        if not shutil.which("upx"):
            self.skipTest("no upx")
        for build in lib_gospy.builds("states", ["default"]):
            with self.subTest(build=str(build)):
                packed = self.path(f"packed-{build.version}")
                subprocess.run(["upx", "-q", "-1", "-o", packed, build.path], check=True,
                               stdout=subprocess.DEVNULL)
                fixture = self.watch(lib_fixture.Fixture(packed))
                self.check_named(fixture)
                self.check_summary(fixture, "--bin", build.path)


class FileTest(ImageTest):
    """Programs whose files are damaged, but run."""

    def test_sections(self):
        """Section headers are no business of the kernel's, which does not look at them."""
        def put(offset, form, *values):
            return lambda elf: struct.pack_into(form, elf, offset, *values)

        def spoil_offsets(elf):
            shoff, = struct.unpack_from("<Q", elf, 40)
            for i in range(struct.unpack_from("<H", elf, 60)[0]):
                struct.pack_into("<Q", elf, shoff + i * 64 + 24, 1 << 62)  # sh_offset

        def cut(elf):
            phoff, = struct.unpack_from("<Q", elf, 32)
            ends = [sum(struct.unpack_from("<Q24xQ", elf, phoff + i * 56 + 8)[:1]) +
                    struct.unpack_from("<Q", elf, phoff + i * 56 + 32)[0]
                    for i in range(struct.unpack_from("<H", elf, 56)[0])]
            del elf[max(ends) + 100:]
        damages = {"none": put(40, "<Q", 0), "far": put(40, "<Q", 1 << 63),
                   "odd": put(40, "<Q", 0x1001), "many": put(60, "<H", 0xfefe),
                   "names": put(62, "<H", 0xfff0), "size": put(58, "<H", 3),
                   "offsets": spoil_offsets, "cut": cut}
        for variant in ("default", "pie"):
            for build in lib_gospy.builds("states", [variant]):
                for name, damage in damages.items():
                    with self.subTest(build=str(build), damage=name):
                        elf = read(build.path)
                        damage(elf)
                        write(self.path(name), elf)
                        with contextlib.closing(lib_fixture.Fixture(self.path(name))) as fixture:
                            self.check_named(fixture)
                            self.check_summary(fixture, "--bin", build.path)
                            self.check_summary(fixture)
                            self.assert_unharmed(fixture)

    def test_sstrip(self):
        for build in lib_gospy.builds("states", ["sstrip"]):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                self.check_named(fixture)
                self.check_summary(fixture, "--bin", build.path.replace("/sstrip/", "/default/"))

    def test_without_a_trace(self):
        """No section headers and no note: its memory alone tells what it is."""
        for build in lib_gospy.builds("states", ["default", "pie"]):
            with self.subTest(build=str(build)):
                without_sections(build.path, self.path("states"))
                write(self.path("states"), without_notes(read(self.path("states"))))
                fixture = self.watch(lib_fixture.Fixture(self.path("states")))
                self.check_named(fixture)
                self.check_summary(fixture, "--bin", build.path)
            self.end_targets()

    def test_started_otherwise(self):
        """By the dynamic linker, which the process then seems to run; from a file without a name."""
        linker = "/lib64/ld-linux-x86-64.so.2"
        if not os.path.exists(linker):
            self.skipTest(f"no {linker}")
        for build in lib_gospy.builds("states", ["pie"]):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.Fixture(linker, build.path))
                document = self.check_all(fixture)
                self.assertEqual(document["target"]["object"], os.path.realpath(build.path))
        for build in lib_gospy.builds("states", ["default"]):
            with self.subTest(build=str(build)):
                self.check_all(self.watch(lib_fixture.Fixture(
                    sys.executable, "-c", EXECUTE_COPY, build.path)))

    def test_variants(self):
        """Builds by other means: the race detector, another C library."""
        for name, variant in (("states", "race"), ("cgo", "musl")):
            for build in lib_gospy.builds(name, [variant]):
                with self.subTest(build=str(build)):
                    self.check_all(self.watch(lib_fixture.start(build)))


def without_notes(elf):
    phoff, = struct.unpack_from("<Q", elf, 32)
    for i in range(struct.unpack_from("<H", elf, 56)[0]):
        if struct.unpack_from("<I", elf, phoff + i * 56)[0] == 4:
            struct.pack_into("<I", elf, phoff + i * 56, 0)  # PT_NULL
    return elf


class NotGoTest(ImageTest):
    def check_refused(self, fixture):
        self.assertIsNone(listed(fixture.pid))
        for command in ("summary", "stack", "version"):
            run = lib_gospy.run(command, fixture.pid).expect(lib_gospy.NO_TARGET)
            self.assertIn("is not a Go program", run.err)
            self.assertIn("moduledata", run.err)

    def test_not_go(self):
        embedded = lib_gospy.builds("states", ["default"])[-1].path
        for name in ("notgo", "notgo-magic", "notgo-blob", "notgo-embed"):
            path = lib_gospy.builds(name, ["default"])[0].path
            without_sections(path, self.path(name))
            for program in (path, self.path(name)):
                with self.subTest(program=program):
                    self.check_refused(self.watch(lib_fixture.Fixture(program, embedded)))

    def test_mapped(self):
        """Who maps a Go program, or a library, has not loaded it."""
        for name, variant in (("states", "default"), ("states", "pie"), ("clib", "cshared")):
            for build in lib_gospy.builds(name, [variant])[-1:]:
                with self.subTest(build=str(build)):
                    self.check_refused(self.watch(lib_fixture.Fixture(
                        sys.executable, "-c", MAP_A_PROGRAM, build.path)))


if __name__ == "__main__":
    lib_gospy.main()
