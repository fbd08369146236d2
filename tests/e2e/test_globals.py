"""The matrix of builds: in each kind of program, without symbols, every global of the runtime is found
where nm(1) sees it in the twin that has symbols. Printed as a table of hits."""
import collections
import contextlib
import os
import shutil
import struct
import subprocess
import tempfile
import unittest

import lib_fixture
import lib_gospy
from test_images import without_sections


def symbols(path):
    """Addresses of the runtime's variables as the linker wrote them down."""
    lines = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
    found = {}
    for line in lines.splitlines():
        words = line.split()
        if len(words) == 3 and words[2].startswith("runtime."):
            found[words[2]] = int(words[0], 16)
    return found


def variables(path):
    """Address and size of the segment that can be written to."""
    with open(path, "rb") as f:
        elf = f.read(4096)
    phoff, = struct.unpack_from("<Q", elf, 32)
    headers = [struct.unpack_from("<IIQQQQQ", elf, phoff + i * 56)
               for i in range(struct.unpack_from("<H", elf, 56)[0])]
    return [(vaddr, size) for kind, flags, _, vaddr, _, _, size in headers
            if kind == 1 and flags & 2]


def remove_symbols(path, target):
    subprocess.run(["strip", "-o", target, path], check=True)


def pack(path, target):
    subprocess.run(["upx", "-q", "-1", "-o", target, path], check=True, capture_output=True,
                   text=True)


# What is done to a program whose symbols are known, and the tool that it takes.
TREATMENTS = {"strip": (remove_symbols, "strip"), "sstrip": (without_sections, None),
              "upx": (pack, "upx")}


@unittest.skipUnless(shutil.which("nm"), "there is no nm")
class GlobalsTest(lib_gospy.TargetTest):
    refused = {}  # path -> what the tool said
    hits = collections.defaultdict(dict)  # kind of build -> Go version -> text
    names = {}  # path of a program with symbols -> the globals that it has

    @classmethod
    def tearDownClass(cls):
        versions = sorted({version for row in cls.hits.values() for version in row},
                          key=lambda version: [int(n) for n in version.split(".")])
        width = max(map(len, cls.hits), default=0)
        for kind, row in cls.hits.items():
            cells = [f"{version} {row[version]}" for version in versions if version in row]
            print(f"{kind:<{width}}  {'  '.join(cells)}")
        left_out = [name for name, (_, tool) in TREATMENTS.items() if tool and not shutil.which(tool)]
        if left_out:
            print("left out, as the tool is not here:", " ".join(left_out))
        for what, said in cls.refused.items():
            print(f"left out: {what}: {said.strip().splitlines()[-1]}")

    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)

    def globals(self, pid, *options):
        """Names and unbiased addresses, and all sources."""
        document = lib_gospy.run("summary", pid, "--json", "-v", *options).expect(lib_gospy.OK).json()
        found = [p for p in document["provenance"]
                 if p["name"].startswith("runtime.") and p["name"] not in lib_gospy.FOR_PROFILES]
        bias = int(document["target"].get("load_bias", "0"), 16)
        return ({p["name"]: int(p["addr"], 16) - bias for p in found}, {p["source"] for p in found})

    def check(self, kind, version, fixture, twin):
        """`twin` is the same program, or has its variables where this one has them."""
        with lib_fixture.Fixture(twin) if twin not in self.names else contextlib.nullcontext() as other:
            if other:
                self.names[twin], sources = self.globals(other.pid)
                self.assertEqual(sources, {"symtab"})
        self.compare(kind, version, fixture, self.names[twin], symbols(twin))

    def compare(self, kind, version, fixture, names, known):
        found, sources = self.globals(fixture.pid)
        # Of a position-independent program that was unpacked nothing tells where to, but for this.
        moved = found["runtime.firstmoduledata"] - known["runtime.firstmoduledata"]
        if moved and kind.endswith("upx") and moved % 4096 == 0:
            found = {name: addr - moved for name, addr in found.items()}
        equal = {name for name in names if found.get(name) == known[name]}
        self.hits[kind][version] = f"{len(equal)}/{len(names)}"
        self.assertNotIn("symtab", sources)
        self.assertEqual(found, {name: known[name] for name in names})

    def treated(self, path):
        """Copies without symbols, and how they were made."""
        for name, (treat, tool) in TREATMENTS.items():
            if tool and not shutil.which(tool):
                continue
            target = os.path.join(self.directory, name)
            try:
                treat(path, target)
            except subprocess.CalledProcessError as e:
                # UPX takes no program of Go's that is a PIE, for one.
                self.refused[f"{name} {os.path.relpath(path, lib_fixture.DIRECTORY)}"] = e.stderr
                continue
            yield name, target
            os.unlink(target)

    def check_program(self, build):
        for name, path in self.treated(build.path):
            with self.subTest(build=str(build), treatment=name):
                with lib_fixture.Fixture(path) as fixture:
                    self.check(f"{build.name} {build.variant} {name}", build.version, fixture,
                               build.path)

    def test_programs(self):
        for variant in ("default", "pie", "cgo", "cgopie", "noopt", "race"):
            for build in self.some("states", variant):
                self.check_program(build)
        for build in self.some("cgo", "musl"):
            self.check_program(build)

    def some(self, name, variant):
        try:
            return lib_gospy.builds(name, [variant])
        except unittest.SkipTest:
            return []

    def test_linked_without_symbols(self):
        """-ldflags='-s -w' and strip(1)'s. The flags are a text in the program, so that its twin has other
        code; its variables come first in a segment of their own."""
        for variant in ("sw", "stripped", "sstrip"):
            twins = {b.version: b.path for b in lib_fixture.builds("states", ["default"])}
            for build in self.some("states", variant):
                twin = twins[build.version]
                if variables(build.path) != variables(twin):
                    self.refused[f"{build}"] = "has its variables elsewhere than its twin"
                    continue
                with self.subTest(build=str(build)), lib_fixture.start(build) as fixture:
                    self.check(f"states {variant}", build.version, fixture, twin)

    def test_libraries(self):
        host = lib_gospy.builds("host", ["default"])[0].path
        for build in lib_gospy.builds("clib", ["cshared"]):
            for name, path in self.treated(build.path):
                if name == "upx":
                    continue  # packs programs only
                with self.subTest(build=str(build), treatment=name):
                    with lib_fixture.Fixture(host, path) as fixture:
                        names, sources = self.globals(fixture.pid, "--bin", build.path)
                        self.assertEqual(sources, {"symtab"})
                        self.compare(f"clib c-shared {name}", build.version, fixture, names,
                                     symbols(build.path))


if __name__ == "__main__":
    lib_gospy.main()
