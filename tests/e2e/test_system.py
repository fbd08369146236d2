"""`gospy stack --system` on fixtures of every Go version: the text must be that which the program
prints itself when SIGQUIT ends it under GOTRACEBACK=system, to the byte."""
import collections
import ctypes
import os
import re
import signal
import tempfile

import lib_fixture
import lib_gospy

MODES = {"paused": (), "non-blocking": ("--non-blocking",), "exact": ("--exact",)}

# Between gospy's look and the program's own a clock may wake one of its goroutines up. So only what
# differs each time counts.
ATTEMPTS = 10

MINUTES = re.compile(r", \d+ minutes")
# A goroutine that sleeps for a millisecond at a time, and has other arguments after each.
RESTLESS = "runtime.bgscavenge("

NUMBERS = re.compile(r"0x[0-9a-f]+|goroutine \d+")
HEADER = re.compile(r"goroutine (\d+) ")


def split(text):
    """The goroutines of a traceback by goid; without the minutes, which pass. The system stack of
    a thread, which is number 0, is not one."""
    blocks = {}
    for block in text.split("\n\n"):
        header = HEADER.match(block)
        if header and header[1] != "0":
            blocks[int(header[1])] = MINUTES.sub("", block.strip("\n"))
    return blocks


def is_running(block):
    return "[running" in block.split("\n", 1)[0]


def all_stopped(fixture):
    return all(state == "T" for _, state, _ in lib_gospy.threads(fixture.pid))


def quit_by_main_thread(pid):
    """A thread of C code would not leave a word."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(234, pid, pid, int(signal.SIGQUIT)):  # tgkill
        raise OSError(ctypes.get_errno(), "tgkill")


class SystemTest(lib_gospy.TargetTest):
    share = collections.defaultdict(lambda: [0, 0])

    @classmethod
    def tearDownClass(cls):
        for build, (same, all_) in sorted(cls.share.items()):
            print(f"identical to the runtime's: {same} of {all_}, {build}")

    def look(self, build, args, env, options):
        """The goroutines of one process as gospy shows them, then as the process itself does, which
        ends it. It stands still in between."""
        with tempfile.TemporaryFile() as stderr:
            env = {**(env or {}), "GOTRACEBACK": "system"}
            fixture = lib_fixture.start(build, *args, env=env, stderr=stderr)
            try:
                os.kill(fixture.pid, signal.SIGSTOP)
                lib_gospy.wait_for(lambda: all_stopped(fixture), "the program to stop")
                run = lib_gospy.run("stack", fixture.pid, "--system", *options)
                shown = split(run.expect(lib_gospy.OK).out)
                lib_gospy.wait_for(lambda: all_stopped(fixture), "the program to be as it was")
                quit_by_main_thread(fixture.pid)
                os.kill(fixture.pid, signal.SIGCONT)
                fixture.process.wait(timeout=lib_gospy.HANG)
            finally:
                fixture.process.kill()
                fixture.close()
            stderr.seek(0)
            return shown, split(stderr.read().decode(errors="surrogateescape"))

    def different(self, shown, own):
        """Those that differ and could not run, or are in one of the two only: by what is the same of
        such a goroutine in each process."""
        found = {}
        for goid in shown.keys() | own.keys():
            pair = shown.get(goid, ""), own.get(goid, "")
            if pair[0] == pair[1] or is_running(pair[0]) or is_running(pair[1]):
                continue
            folded = [NUMBERS.sub("", block) for block in pair]
            if RESTLESS not in pair[1] or folded[0] != folded[1]:
                found[folded[1] or folded[0]] = pair
        return found

    def compare(self, build, args, env, options):
        different = None
        for _ in range(ATTEMPTS):
            shown, own = self.look(build, args, env, options)
            if len(own) < 2:
                continue  # where the signal comes to C code the runtime may not get far
            now = self.different(shown, own)
            different = {key: now[key] for key in now if different is None or key in different}
            if not different:
                break
        self.assertIsNotNone(different, "the program never said a thing")
        share = self.share[str(build)]
        share[0] += len(own) - len(different)
        share[1] += len(own)
        for pair in different.values():
            with self.subTest(goroutine=pair[1].split(" [")[0]):
                self.assertEqual(*pair)
        # The one that the signal came to is the first that the program prints.
        order = [goid for goid in own if goid in shown][1:]
        self.assertEqual([goid for goid in shown if goid in order], order, "order")

    def run_all(self, name, *args, env=None, modes=("paused",), variants=lib_gospy.WITH_SYMBOLS):
        for build in lib_gospy.builds(name, variants):
            for mode in modes:
                with self.subTest(build=str(build), mode=mode):
                    self.compare(build, args, env, MODES[mode])

    def test_states(self):
        self.run_all("states", modes=MODES)

    def test_finalizer(self):
        self.run_all("states", "-finalizer")

    def test_ancestors(self):
        self.run_all("states", env={"GODEBUG": "tracebackancestors=2"})

    def test_deep(self):
        self.run_all("deep")

    def test_deepest(self):
        """More calls than anybody would keep."""
        self.run_all("deep", "-deepest", 1500000, modes=MODES, variants=("default",))

    def test_deep_ancestors(self):
        self.run_all("deep", env={"GODEBUG": "tracebackancestors=3"})

    def test_generics(self):
        self.run_all("generics")

    def test_iterpull(self):
        self.run_all("iterpull")

    def test_markers(self):
        self.run_all("markers")

    def test_threads(self):
        self.run_all("threads")

    def test_cgo(self):
        self.run_all("cgo")


if __name__ == "__main__":
    lib_gospy.main()
