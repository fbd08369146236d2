"""The program that is one file (`./dev static`), in a root directory with nothing but it and /proc: it
shows what the usual one shows, and has its own idea of terminals and characters."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

import lib_fixture
import lib_gospy
import lib_same
from lib_terminal import Terminal

STATIC = os.path.join(lib_fixture.TOP, "build", "static", "gospy")
# As setlocale(3) would find a locale if there were any.
UTF8 = {"LANG": "C.UTF-8", "LC_ALL": ""}
COMMANDS = ("summary", "summary --group --json", "stack", "stack --json", "stack --threads --native",
            "stats", "memstats --json", "version", "waits --json", "pprof goroutine --debug 2")
MOVABLE = ("xterm", "xterm-256color", "screen", "screen-256color", "tmux-256color", "linux", "vt100",
           "xterm-of-tomorrow")


@unittest.skipUnless(os.path.exists(STATIC), "./dev static has not built it")
@unittest.skipUnless(os.geteuid() == 0, "a root directory of one's own takes root")
class StaticTest(lib_gospy.TargetTest):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="gospy-root-")
        self.addCleanup(os.rmdir, self.root)
        proc = os.path.join(self.root, "proc")
        os.mkdir(proc)
        self.addCleanup(os.rmdir, proc)
        subprocess.run(["mount", "-t", "proc", "proc", proc], check=True)
        self.addCleanup(subprocess.run, ["umount", proc], check=True)
        program = os.path.join(self.root, "gospy")
        shutil.copy(STATIC, program)
        self.addCleanup(os.unlink, program)
        self.inside = [shutil.which("chroot"), self.root, "/gospy"]

    def files(self):
        return set(os.listdir(self.root))

    def test_asks_for_no_library(self):
        with open(STATIC, "rb") as f:
            program = f.read()
        headers = subprocess.run(["readelf", "-lW", STATIC], capture_output=True, text=True,
                                 check=True).stdout
        self.assertNotIn("INTERP", headers)
        self.assertNotIn("DYNAMIC", headers)
        self.assertNotIn(lib_fixture.TOP.encode(), program)

    def test_shows_the_same(self):
        for build in lib_gospy.builds("states", ("default", "stripped", "cgo")):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                # Nothing moves between two looks.
                lib_gospy.stop_all(fixture.pid)
                lib_gospy.wait_for(lambda: all(state == "T" for _, state, _ in
                                               lib_gospy.threads(fixture.pid)), "the stop")
                try:
                    for command in COMMANDS:
                        with self.subTest(command=command):
                            self.check_same(command, fixture.pid)
                finally:
                    os.kill(fixture.pid, signal.SIGCONT)

    def check_same(self, command, pid):
        words = lib_gospy.patient(command.split()) + [str(pid)]
        usual = subprocess.run([lib_gospy.GOSPY, *words], capture_output=True, check=False,
                               timeout=lib_gospy.HANG)
        alone = subprocess.run([*self.inside, *words], capture_output=True, check=False,
                               timeout=lib_gospy.HANG)
        self.assertEqual(alone.returncode, usual.returncode, alone.stderr)
        masks = lib_same.MASKS
        self.assertTrue(lib_same.same(usual.stdout, alone.stdout, masks, lib_gospy.HANG * 1e9),
                        "\n".join(lib_same.diff_of(command, usual.stdout, alone.stdout, masks)))

    def test_terminals(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("states")[-1]))
        before = self.files()
        for term in MOVABLE:
            with self.subTest(term=term):
                top = Terminal([*self.inside, "top", str(fixture.pid)], env={"TERM": term, **UTF8})
                try:
                    top.wait_text("Goroutines +[0-9]+")
                    top.wait_text("[\u2581-\u2588]")
                    top.type("q")
                    self.assertEqual(top.end(), 0)
                finally:
                    top.close()
        self.assertEqual(self.files(), before, "what a locale was written to is left")

    def test_users(self):
        """By /etc/passwd, if there is one."""
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("states")[-1]))

        def shown():
            run = subprocess.run([*self.inside, "process", str(fixture.pid)], capture_output=True,
                                 text=True, timeout=lib_gospy.HANG, check=True)
            return re.search(r"^username:\s+(\S+)$", run.stdout, re.M)[1]
        self.assertEqual(shown(), "0")
        etc = os.path.join(self.root, "etc")
        os.mkdir(etc)
        self.addCleanup(os.rmdir, etc)
        passwd = os.path.join(etc, "passwd")
        with open(passwd, "w", encoding="ascii") as f:
            f.write("# no user\nother:x:7:7::/:\nadmiral:x:0:0::/root:/bin/sh\n")
        self.addCleanup(os.unlink, passwd)
        self.assertEqual(shown(), "admiral")

    def test_names_of_hosts(self):
        run = subprocess.run([*self.inside, "gc", "--timeout", "1s", "host.invalid:1"],
                             capture_output=True, text=True, timeout=lib_gospy.HANG, check=False)
        self.assertIn("takes addresses as numbers", run.stderr)


if __name__ == "__main__":
    lib_gospy.main()
