"""`gospy doctor`: what can be read of a process is told before anything is done to it."""
import os
import re
import shutil
import struct
import subprocess
import tempfile

import lib_fixture
import lib_gospy

# A program that traces another one, says so, and waits.
TRACER = """
import ctypes, sys
PTRACE_SEIZE = 0x4206
libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(PTRACE_SEIZE, int(sys.argv[1]), None, None):
    sys.exit(f"ptrace: {ctypes.get_errno()}")
print("traced", flush=True)
sys.stdin.read()
"""


def symbols(path):
    """Addresses of a program's symbols, as nm prints them."""
    out = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
    fields = (line.split() for line in out.splitlines())
    return {f[2]: int(f[0], 16) for f in fields if len(f) == 3}


def doctor(pid, status, *options):
    run = lib_gospy.run("doctor", pid, "--json", *options).expect(status)
    document = run.json()
    assert document["type"] == "doctor" and document["pid"] == pid
    return document, {f["name"]: f for f in document["findings"]}


class DwarfTest(lib_gospy.TargetTest):
    """Debug information as others than Go's linker compress it."""

    def compressed(self, method):
        """A fixture whose debug information is compressed so, and what doctor tells of it."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = os.path.join(directory.name, "states")
        build = lib_gospy.builds("states", ["default"])[-1]
        made = subprocess.run(["objcopy", "--compress-debug-sections=zstd", build.path, path],
                              check=False, capture_output=True, text=True)
        if made.returncode:
            self.skipTest(f"objcopy knows no zstd: {made.stderr}")
        with open(path, "r+b") as f:
            data = f.read()
            old, new = (struct.pack("<IIQ", m, 0, self.info_size(path)) for m in (2, method))
            self.assertEqual(data.count(old), 1)
            f.seek(data.index(old))
            f.write(new)
        fixture = self.watch(lib_fixture.Fixture(path))
        return doctor(fixture.pid, lib_gospy.OK)[1]

    def info_size(self, path):
        """Of .debug_info, when it is not compressed."""
        lines = subprocess.run(["readelf", "-tW", path], check=True, capture_output=True,
                               text=True).stdout.split("\n")
        at = next(i for i, line in enumerate(lines) if line.endswith("] .debug_info"))
        return int(re.search(r"ZSTD, ([0-9a-f]+)", lines[at + 3])[1], 16)

    def test_zstd(self):
        findings = self.compressed(2)
        if "DWARF" in findings:
            self.assertIn("built without", findings["DWARF"]["source"])
            self.skipTest("built without libzstd")
        self.assertEqual(findings["runtime.schedt"]["source"], "DWARF")

    def test_unusable(self):
        """It is said, and not as if all were well."""
        findings = self.compressed(77)
        self.assertEqual(findings["DWARF"]["verdict"], "note")
        self.assertIn("compressed by method 77", findings["DWARF"]["source"])
        self.assertIn("tables", findings["DWARF"]["remedy"])
        self.assertNotEqual(findings["runtime.schedt"]["source"], "DWARF")


class DoctorTest(lib_gospy.TargetTest):
    def test_sound(self):
        self.on_each(self.check_sound, "states")

    def check_sound(self, fixture):
        def take():
            before = len(list(lib_gospy.threads(fixture.pid)))
            taken = doctor(fixture.pid, lib_gospy.OK)
            return (before, *taken) if before == len(list(lib_gospy.threads(fixture.pid))) else None
        threads, document, found = lib_gospy.wait_for(take, "as many threads as before")
        self.assertTrue(document["readable"])
        self.assertEqual({f["verdict"] for f in document["findings"]} - {"note"}, {"ok"})
        self.assertEqual(found["Go version"]["text"], fixture.ready["go"])
        exe = os.readlink(f"/proc/{fixture.pid}/exe")
        self.assertEqual(found["program"]["text"], exe)
        self.assertRegex(found["stop"]["text"], rf"possible.*\b{threads} threads")
        shown = {f["name"]: int(f["addr"], 16) for f in document["findings"]
                 if f["topic"] == "global"}
        true = symbols(exe)
        self.assertIn("runtime.allgs", shown)
        # Loaded with a bias, all of them are moved by the same.
        self.assertEqual(len({addr - true[name] for name, addr in shown.items()}), 1)
        self.assertIn("npidle", found["runtime.schedt"]["check"])
        layouts = {f["name"] for f in document["findings"] if f["topic"] == "layout"}
        self.assertLess({"runtime.g", "runtime.m", "runtime.p", "runtime.schedt"}, layouts)

    def test_text_fits_a_screen(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("states", ["default"])[-1]))
        lines = lib_gospy.run("doctor", fixture.pid).expect(lib_gospy.OK).out.splitlines()
        self.assertLess(len(lines), 14)
        self.assertEqual(lines[0], f"pid {fixture.pid}: all is well")
        self.assertRegex(lines[-2], r"^ok +globals +\d+ from symtab; -v lists them$")
        self.assertRegex(lines[-1], r"^ok +layouts +\d+ from .*; -v lists them$")
        verbose = lib_gospy.run("doctor", "-v", fixture.pid).expect(lib_gospy.OK).out
        self.assertRegex(verbose, r"(?m)^ok +runtime\.allgs +0x[0-9a-f]+ symtab$")

    def test_not_go(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("notgo", ["default"])[-1]))
        document, found = doctor(fixture.pid, lib_gospy.NO_TARGET)
        self.assertFalse(document["readable"])
        self.assertEqual(document["code"], "not_go")
        self.assertEqual(found["memory"]["verdict"], "ok")
        self.assertEqual(found["Go runtime"]["verdict"], "problem")

    def test_traced_by_another(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("states", ["default"])[-1]))
        tracer = subprocess.Popen(["python3", "-c", TRACER, str(fixture.pid)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            if tracer.stdout.readline() != "traced\n":
                self.skipTest("may not trace here")
            document, found = doctor(fixture.pid, lib_gospy.PARTIAL)
            self.assertTrue(document["readable"])
            self.assertEqual(found["stop"]["verdict"], "problem")
            self.assertIn(str(tracer.pid), found["stop"]["text"])
            self.assertIn("--non-blocking", found["stop"]["remedy"])
            # What is wrong, and what to do about it, comes first.
            lines = lib_gospy.run("doctor", fixture.pid).expect(lib_gospy.PARTIAL).out.splitlines()
            self.assertEqual(lines[0], f"pid {fixture.pid}: can be read, but not everything can "
                                       "be done: 1 problem")
            self.assertRegex(lines[1], r"^NO +stop ")
            self.assertRegex(lines[2], r"^ +-> .*--non-blocking")
        finally:
            tracer.communicate()

    def test_other_user(self):
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if os.getuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("only root can give up its rights, with setpriv")
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("states", ["default"])[-1]))
        try:
            lib_gospy.run("--version", prefix=nobody).expect(lib_gospy.OK)
        except AssertionError:
            self.skipTest("another user cannot run the program where it is")
        run = lib_gospy.run("doctor", fixture.pid, prefix=nobody).expect(lib_gospy.PERMISSION)
        self.assertRegex(run.out, r"(?m)^NO +memory .*root.*sudo")

    def test_gone(self):
        ended = subprocess.Popen(["true"])
        ended.wait()
        run = lib_gospy.run("doctor", ended.pid).expect(lib_gospy.NO_TARGET)
        self.assertIn(str(ended.pid), run.err)


class HostTest(lib_gospy.TargetTest):
    """Without a target: what may be done here, held against what can be done."""

    def host(self, *prefix):
        run = lib_gospy.run("doctor", "--json", prefix=list(prefix))
        self.assertIn(run.status, (lib_gospy.OK, lib_gospy.PARTIAL))
        document = run.json()
        self.assertNotIn("pid", document)
        self.assertNotIn("readable", document)
        self.assertEqual(run.status == lib_gospy.PARTIAL,
                         any(f["verdict"] == "problem" for f in document["findings"]))
        return {f["name"]: f for f in document["findings"]}

    def test_what_is_permitted_works(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("states", ["default"])[-1]))
        found = self.host()
        self.assertIn(os.uname().release, found["kernel"]["text"])
        seen, readable = map(int, re.match(r"(\d+) seen, (\d+) can be read",
                                           found["Go processes"]["text"]).groups())
        self.assertGreaterEqual(seen, 1)
        if readable == seen:
            lib_gospy.run("summary", fixture.pid).expect(lib_gospy.OK)
        recorded = lib_gospy.run("record", "-d", "0.1", "--format", "top", fixture.pid)
        self.assertEqual(found["perf events"]["verdict"] != "problem",
                         recorded.status != lib_gospy.PERMISSION, recorded.err)

    def test_other_user(self):
        """One who may not read others' processes is told so, and what would help."""
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if os.getuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("only root can give up its rights, with setpriv")
        try:
            lib_gospy.run("--version", prefix=nobody).expect(lib_gospy.OK)
        except AssertionError:
            self.skipTest("another user cannot run the program where it is")
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("states", ["default"])[-1]))
        lib_gospy.run("summary", fixture.pid, prefix=nobody).expect(lib_gospy.PERMISSION)
        found = self.host(*nobody)
        self.assertNotEqual(found["memory"]["verdict"], "ok")
        self.assertIn("sudo", found["memory"]["remedy"])

    def test_container(self):
        """In namespaces of its own: what is seen is not all of the machine."""
        own = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
        try:
            lib_gospy.run("--version", prefix=own).expect(lib_gospy.OK)
        except (AssertionError, OSError):
            self.skipTest("no namespaces may be made here")
        found = self.host(*own)
        self.assertIn("container", found["processes"]["text"])
        self.assertIn("user namespace", found["memory"]["text"])
        self.assertNotIn("container", self.host()["processes"]["text"])

    def test_text_fits_a_screen(self):
        lines = lib_gospy.run("doctor").out.splitlines()
        self.assertLess(len(lines), 24)
        self.assertRegex(lines[0], r"^this machine, this user: ")


if __name__ == "__main__":
    lib_gospy.main()
