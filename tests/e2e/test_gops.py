"""stats, memstats and version against the agent of gops, in the same process."""
import os
import re
import socket
import subprocess
import tempfile
import unittest

import lib_fixture
import lib_gospy
from lib_gospy import OK, run

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gops_target")
MEMSTATS, VERSION, STATS = b"\x03", b"\x04", b"\x07"  # google/gops:signal/signal.go


def find_go():
    """The newest go command that is installed; any other could not fetch the module."""
    roots = [entry["goroot"] for entry in lib_fixture.manifest()["versions"]
             if entry["source"] == "installed"]
    if not roots:
        raise unittest.SkipTest("left out: no go command to build a program with the agent")
    return os.path.join(roots[-1], "bin", "go")


def build(directory):
    """The target, whose agent is fetched unless it is in the module cache."""
    path = os.path.join(directory, "gops_target")
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}
    process = subprocess.run([find_go(), "build", "-o", path, "."],
                             cwd=SOURCE, env=environment, text=True, capture_output=True,
                             timeout=lib_gospy.HANG)
    if process.returncode != 0:
        raise unittest.SkipTest("left out: " + process.stderr.strip().splitlines()[-1])
    return path


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class GopsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        path = build(directory.name)
        cls.port = free_port()
        cls.process = subprocess.Popen([path, f"127.0.0.1:{cls.port}", directory.name],
                                       env={**os.environ, "TZ": "UTC"}, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)
        cls.addClassCleanup(cls.process.communicate)
        assert cls.process.stdout.readline() == b"listening\n"

    def agent(self, request):
        with socket.create_connection(("127.0.0.1", self.port), timeout=lib_gospy.HANG) as s:
            s.sendall(request)
            with s.makefile() as answer:
                return answer.read().splitlines()

    def gospy(self, command):
        return run(command, self.process.pid, env={"TZ": "UTC"}).expect(OK).out.splitlines()

    def test_version(self):
        self.assertEqual(self.gospy("version"), self.agent(VERSION))

    def test_modules(self):
        """A program with dependencies and, from a checkout, a revision."""
        expected = subprocess.run([find_go(), "version", "-m", self.process.args[0]], check=True,
                                  capture_output=True, text=True).stdout.splitlines()
        shown = run("version", "-v", self.process.pid).expect(OK).out.splitlines()
        self.assertEqual(shown[1:], expected[1:])
        self.assertTrue(any(line.startswith("\tdep\tgithub.com/google/gops\t") for line in shown))

    def test_stats(self):
        def same():
            before = self.agent(STATS)
            mine = self.gospy("stats")
            return before == self.agent(STATS) and (mine, before)
        mine, own = lib_gospy.wait_for(same, "the number of threads to stay")
        self.assertEqual(mine, own)

    def test_memstats(self):
        """To answer takes memory: what that does not change is the same, and the rest of the same
        form."""
        own, mine = self.agent(MEMSTATS), self.gospy("memstats")
        shapes = [re.sub(r"[\d.]+([KM]B)?", "0", line) for line in own]
        self.assertEqual([re.sub(r"[\d.]+([KM]B)?", "0", line) for line in mine], shapes)
        steady = ("lookups", "buck-hash-sys", "mcache-in-use", "mcache-sys", "last-gc",
                  "gc-pause-total", "gc-pause", "gc-pause-end", "num-gc", "num-forced-gc",
                  "gc-cpu-fraction", "enable-gc", "debug-gc")
        for name in steady:
            lines = [line for line in own if line.startswith(f"{name}: ")]
            self.assertEqual(len(lines), 1, name)
            self.assertIn(lines[0], mine)


if __name__ == "__main__":
    lib_gospy.main()
