"""gospy under valgrind: no invalid access, nothing leaked."""
import shutil

import lib_agent
import lib_fixture
import lib_gospy

VALGRIND = ("valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full")


class ValgrindTest(lib_gospy.TargetTest):
    def setUp(self):
        if not shutil.which("valgrind"):
            self.skipTest("no valgrind")
        if lib_gospy.has_sanitizers():
            self.skipTest("a program with sanitizers does not run under valgrind")

    def check(self, *args):
        run = lib_gospy.run(*args, prefix=VALGRIND)
        # Slow as it is there, it may not be able to read everything.
        # What the fixture is in for is wrong with it.
        fine = (lib_gospy.OK, lib_gospy.PARTIAL) + (lib_gospy.CHECK,) * (args[0] == "check")
        self.assertIn(run.status, fine, run.err)

    def test_commands(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("states")[-1]))
        for args in (("summary", fixture.pid), ("summary", fixture.pid, "--exact", "--json"),
                     ("summary", fixture.pid, "--non-blocking", "--group"),
                     ("waits", fixture.pid), ("waits", fixture.pid, "--json=lines"),
                     ("waits", fixture.pid, "--dot"),
                     ("check", fixture.pid), ("check", fixture.pid, "--no-wait", "--json=lines"),
                     ("stack", fixture.pid), ("stack", fixture.pid, "--group", "--json"),
                     ("stack", fixture.pid, "--native", "--threads"), ("list",), ("tree",),
                     ("top", fixture.pid, "-n", 2, "--refresh", "10ms", "--group", "object"),
                     (fixture.pid,), ("version", "-v", fixture.pid), ("stats", "-v", fixture.pid),
                     ("stats", fixture.process.args[0]), ("list", fixture.pid),
                     ("memstats", "--all", fixture.pid),
                     ("diff", fixture.pid, fixture.pid, "--unchanged"),
                     ("diff", "--for", "10ms", fixture.pid, "--json", "--by", "line"),
                     ("leaks", fixture.pid), ("leaks", fixture.pid, "--json", "--non-blocking"),
                     ("memstats", "--non-blocking", "--json", fixture.pid)):
            with self.subTest(args=args):
                self.check(*args)

    def test_profiles(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("profiled", ("default",))[-1]))
        for kind, *options in (("heap", "-o", "/dev/null"), ("heap", "--format", "text"),
                               ("goroutine", "--format", "text"), ("block", "--format", "folded"),
                               ("mutex", "--format", "speedscope"), ("allocs", "--format", "top")):
            with self.subTest(kind=kind, options=options):
                self.check("pprof", kind, fixture.pid, *options)

    def test_record(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("burner", ("default",))[-1]))
        for output in ("pprof", "html"):
            self.check("record", fixture.pid, "-d", "1s", "--format", output, "-o", "/dev/null",
                       "--by", "label=part")

    def test_agent(self):
        with lib_agent.Agent() as agent:
            for args in (("gc",), ("stack", "--agent"), ("pprof-heap", "-o", "/dev/null")):
                with self.subTest(args=args):
                    for address in agent.addresses:
                        self.check(*args, address)


if __name__ == "__main__":
    lib_gospy.main()
