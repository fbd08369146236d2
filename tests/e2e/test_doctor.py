"""`gospy doctor`: what can be read of a process is told before anything is done to it."""
import os
import shutil
import subprocess

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
        self.assertLess(len(lines), 24)
        names = " ".join(line for line in lines if line.startswith("      ")).split()
        self.assertLess({"allgs", "allp", "g", "schedt"}, set(names))
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


if __name__ == "__main__":
    lib_gospy.main()
