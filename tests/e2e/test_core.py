"""Cores: what gospy shows of one is what the program printed as it died, or had said of itself before.
What a core does not tell, where its program is looked for, and files that are damaged or no cores."""
import collections
import ctypes.util
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import unittest
import unittest.mock

import compare
import lib_core
import lib_fixture
import lib_gospy
import take_core
import test_stack
from lib_gospy import ERROR, NO_TARGET, OK, PARTIAL, USAGE, run

# Ways to die, also those that need C; two suffice to see whether the variant matters.
MODES = ("panic", "nil", "map", "unlock", "throw", "overflow", "deadlock", "quit", "abort-outside")
C_MODES = ("panic", "quit", "abort-outside", "segv", "abort")
FEW_MODES = ("panic", "quit")

HEADER = re.compile(r"goroutine (\d+) ")
MINUTES = re.compile(r", \d+ minutes")
# Goroutines that run while the program dies, or wake up now and then.
RESTLESS = {"main.spin", "main.write", "runtime.bgscavenge"}
ELSEWHERE = "\tgoroutine running on other thread; stack unavailable"


def builds(name, variants):
    """Of each variant the oldest Go, the newest and one between; all of them with `./dev test --all`:
    a core is a lot to write."""
    found = lib_gospy.builds(name, variants)
    return found if os.environ.get("GOSPY_ALL_BUILDS") else lib_gospy.some(found)


def split(text):
    """The goroutines of a traceback by goid, each as its lines. One that runs may be there twice: by
    who found it running, and by its own thread. The system stack of a thread is no goroutine."""
    blocks = {}
    for block in text.split("\n\n"):
        header = HEADER.match(block)
        if not header or header[1] == "0":
            continue
        goid = int(header[1])
        lines = MINUTES.sub("", block.strip("\n")).split("\n")
        if goid not in blocks or ELSEWHERE in blocks[goid]:
            blocks[goid] = lines
    return blocks


def functions(lines):
    return [lib_fixture.without_arguments(line) for line in lines[1:]
            if not line.startswith(("\t", "created by", "...", "["))]


class CrashTest(unittest.TestCase):
    share = collections.defaultdict(lambda: [0, 0])

    @classmethod
    def tearDownClass(cls):
        for build, (same, all_) in sorted(cls.share.items()):
            print(f"as the program printed: {same} of {all_}, {build}")

    def on_each(self, mode, variants):
        for build in builds("crash", variants):
            with self.subTest(build=str(build), mode=mode):
                self.check(lib_core.crashed(self, build, mode))
            self.doCleanups()

    def check(self, dead):
        own = split(dead.printed)
        shown = split(run("stack", "--core", dead.core, "--system").expect(OK).out)
        self.assertLessEqual({g["goid"] for g in dead.ready["goroutines"]}, own.keys())
        self.assertEqual(sorted(shown), sorted(own), "goids")
        share = self.share[str(dead.build)]
        for goid, lines in own.items():
            share[1] += 1
            with self.subTest(goroutine=lines[0]):
                self.check_stack(shown[goid], lines)
                share[0] += 1

    def check_stack(self, shown, own):
        restless = RESTLESS.intersection(functions(own) + functions(shown))
        if restless:
            # It went on until it had to stand still.
            self.assertTrue(restless.intersection(functions(shown)), shown)
        elif "[running" in own[0] and shown != own:
            # What it did then, to die, is above what it printed.
            self.assertEqual(shown[0], own[0])
            self.assertEqual(shown[len(shown) - len(own) + 1:], own[1:])
        else:
            self.assertEqual(shown, own)

    def test_code_of_c(self):
        """The C function that it died in, and that which another thread was in: both threads are in
        handlers of signals by then. Earlier versions go on in the runtime, on top of the C code."""
        for mode, func, since in (("segv", "store", 21), ("abort", "abort", 12)):
            for build in builds("crash", ("cgo",)):
                if build.minor < since:
                    continue
                with self.subTest(build=str(build), mode=mode):
                    self.check_code_of_c(lib_core.crashed(self, build, mode), func)
                self.doCleanups()

    def check_code_of_c(self, dead, func):
        looked = run("stack", "--native", dead.core)
        if "without libunwind" in looked.err:
            self.skipTest(looked.err)
        shown = split(looked.expect(OK).out)
        waits = next(g["goid"] for g in dead.ready["goroutines"] if g.get("name") == "c-wait")
        for goid, wrapper in ((1, func), (waits, "sleep_for_ever")):
            called = functions(shown[goid])
            c = [re.sub("^_cgo_[0-9a-f]+_", "", name) for name in called]
            self.assertIn(f"main._Cfunc_{wrapper}", c)
            self.assertEqual(c[c.index(f"main._Cfunc_{wrapper}") - 1], f"Cfunc_{wrapper}")


class BundleTest(unittest.TestCase):
    """A bundle of a core shows what the core shows, however the program died: also what C code was
    doing, and with no more than addresses of stacks, what arguments were excepted."""

    def check(self, dead, *options):
        place = lib_core.directory(self)
        shown = run("stack", dead.core, "--system", *options).expect(OK).out
        for redact, arguments in (("none", ()), ("pointers", ("--no-args",))):
            path = os.path.join(place, redact)
            run("capture", dead.core, "--redact", redact, "--labels", "-o", path,
                *[option for option in options if option == "--native"]).expect(OK)
            looked = run("stack", path, "--system", *options, *arguments).expect(OK).out
            if arguments:
                shown = run("stack", dead.core, "--system", *options, *arguments).expect(OK).out
            self.assertEqual(looked, shown)

    def on_newest(self, variant, modes, *options):
        for build in lib_gospy.builds("crash", (variant,))[-1:]:
            for mode in modes:
                with self.subTest(build=str(build), mode=mode):
                    dead = lib_core.crashed(self, build, mode)
                    if "without libunwind" in run("stack", "--native", dead.core).err:
                        self.skipTest("no libunwind")
                    self.check(dead, *options)
                self.doCleanups()

    def test_go(self):
        self.on_newest("default", MODES)

    def test_native(self):
        self.on_newest("default", FEW_MODES, "--native", "--threads")
        self.on_newest("cgo", C_MODES, "--native", "--threads")


def make_test(mode, variants):
    return lambda self: self.on_each(mode, variants)


for chosen, modes in ((("default",), MODES), (("cgo",), C_MODES),
                      (("pie", "stripped", "sw"), FEW_MODES)):
    for way in modes:
        setattr(CrashTest, f"test_{way.replace('-', '_')}_{'_'.join(chosen)}",
                make_test(way, chosen))


class WriterTest(lib_gospy.TargetTest):
    """Cores of all writers, and packed ones, of a program that was not about to die: all of it is as
    the program itself says."""

    def check_quiet(self, ready, core, *options):
        """Its goroutines, as it listed them, and its own traceback of those that waited."""
        document = run("summary", core, "--json", *options).expect(OK).json()
        compare.Goroutines(self, ready, document).check()
        compare.check_counts(self, ready, document)
        compare.check_processors(self, ready, document)
        aside = test_stack.moving(ready)
        own = test_stack.split(ready["traceback"])
        shown = test_stack.split(run("stack", core, *options).expect(OK).out)
        self.assertEqual(sorted(shown), sorted(own))
        for goid in own.keys() - aside:
            self.assertEqual(shown[goid], own[goid])

    def quiet(self, build, **how):
        mortal = lib_core.Mortal(self, build, **how)
        mortal.ready = {**mortal.ready, **mortal.ask("stack")}
        return mortal

    def on_quiet(self, variants, check, **how):
        for build in builds("states", variants):
            with self.subTest(build=str(build)):
                check(self.quiet(build, **how).die_quietly())
            self.doCleanups()

    def test_kernel(self):
        self.on_quiet(("default", "pie", "cgo", "stripped", "sw"),
                      lambda dead: self.check_quiet(dead.ready, dead.core))

    def test_complete(self):
        """With the program in it, which is gone."""
        def check(dead):
            self.check_quiet(dead.ready, dead.core)
        for build in builds("states", ("default", "pie", "stripped")):
            with self.subTest(build=str(build)):
                moved = shutil.copy(build.path, os.path.join(lib_core.directory(self), "moved"))
                dead = self.quiet(build._replace(path=moved), mapped=lib_core.COMPLETE)
                dead.die_quietly()
                os.unlink(moved)
                check(dead)
            self.doCleanups()

    def of_debugger(self, take):
        found = builds("states", ("default",))
        for build in found[0], found[-1]:
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                core = take(self, fixture.pid)
                self.check_quiet({**fixture.ready, **fixture.ask("stack")}, core)
            self.doCleanups()

    def test_gcore(self):
        self.of_debugger(lib_core.gcore)

    def test_dlv_dump(self):
        self.of_debugger(lib_core.dlv_dump)

    @unittest.skipIf(os.geteuid(), "only root makes namespaces")
    def test_of_container(self):
        """From outside of its PID namespace threads have other ids than the runtime knows. Who runs
        on which is told by where they are."""
        for build in builds("crash", ("default", "cgo")):
            with self.subTest(build=str(build)):
                core = os.path.join(lib_core.directory(self), "core")
                with subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", build.path],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE) as outer:
                    ready = json.loads(outer.stdout.readline())
                    with open(f"/proc/{outer.pid}/task/{outer.pid}/children",
                              encoding="ascii") as f:
                        pid = int(f.read())
                    tids = {int(lib_gospy.status_fields(f"/proc/{tid}/status")["NSpid"].split()[-1]):
                            int(tid) for tid in os.listdir(f"/proc/{pid}/task")}
                    take_core.take(pid, core)
                    outer.stdin.close()
                self.check_threads(ready, tids, core)
            self.doCleanups()

    def check_threads(self, ready, tids, core):
        said = {g.get("name"): g for g in ready["goroutines"]}
        document = run("summary", core, "--json").expect(OK).json()
        locked = next(g for g in document["goroutines"] if g["goid"] == said["locked"]["goid"])
        self.assertEqual(locked["tid"], tids[said["locked"]["tid"]])
        spin = run("stack", core, "--goid", said["spin"]["goid"]).expect(OK)
        self.assertIn("\nmain.spin(", spin.out)

    def test_packed(self):
        """What a file is packed by is seen by what is in it, whatever its name."""
        dead = self.quiet(builds("states", ("default",))[-1]).die_quietly()
        for how in lib_core.COMPRESSIONS:
            for name in ("core", f"core.{how}", "core.zst"):
                with self.subTest(how=how, name=name):
                    self.check_quiet(dead.ready, lib_core.compress(self, dead.core, how, name))

    def test_cut_while_packed(self):
        dead = self.quiet(builds("states", ("default",))[-1]).die_quietly()
        for how in lib_core.COMPRESSIONS:
            with self.subTest(how=how):
                packed = lib_core.compress(self, dead.core, how)
                os.truncate(packed, os.path.getsize(packed) * 3 // 4)
                looked = run("stack", "--core", packed)
                self.assertIn(looked.status, (PARTIAL, ERROR), str(looked))
                self.assertRegex(looked.err, r"(?m)^gospy: .*(cut off|damaged)")


class AllCommandsTest(unittest.TestCase):
    """What the other commands say of a core that is that of a crash."""

    def setUp(self):
        self.build = builds("crash", ("default",))[-1]
        self.dead = lib_core.crashed(self, self.build, "nil")

    def test_death(self):
        """Who died of what: the runtime raises SIGABRT in the end."""
        text = run("summary", self.dead.core).expect(OK).out
        target = run("summary", self.dead.core, "--json").expect(OK).json()["target"]
        self.assertEqual((target["signal"], target["signal_name"]), (signal.SIGABRT, "ABRT"))
        goroutine = run("stack", self.dead.core, "--goid", 1, "--json").expect(OK).json()
        self.assertEqual(goroutine["goroutines"][0]["status"], "running")
        self.assertIn(f"died of SIGABRT in thread {target['signal_tid']}", text.split("\n")[0])
        self.assertEqual(target["pid"], self.dead.pid)
        self.assertEqual(target["core"], self.dead.core)

    def test_forms(self):
        """With the option, and where a PID stands."""
        for command in ("summary", "stack", "memstats", "stats", "version", "doctor"):
            with self.subTest(command=command):
                by_name = run(command, self.dead.core).expect(OK)
                self.assertTrue(by_name.out)
                by_option = run(command, "--core", self.dead.core).expect(OK)
                self.assertEqual(by_option.out, by_name.out)
                document = run(command, self.dead.core, "--json").expect(OK).json()
                self.assertEqual(document["type"] if "type" in document else command, command)

    def test_version(self):
        self.assertEqual(run("version", self.dead.core, "--json").json()["go_version"],
                         self.dead.ready["go"])

    def test_profile(self):
        path = os.path.join(lib_core.directory(self), "profile")
        facts = run("pprof", "goroutine", self.dead.core, "-o", path, "--json").expect(OK).json()
        self.assertEqual(facts["samples"], len(self.dead.ready["goroutines"]))

    def test_about_processes_only(self):
        for words in (("stack", "--for", "1s"), ("memstats", "--watch", "1s"),
                      ("pprof", "goroutine", "--seconds", "1")):
            with self.subTest(words=words):
                one_line(self, run(*words, "--core", self.dead.core), USAGE, "core")


def one_line(test, looked, status, pattern):
    """It failed in this way, and says why in a line."""
    test.assertEqual((looked.status, looked.out), (status, ""), f"{looked}\n{looked.err}")
    test.assertRegex(looked.err, r"\Agospy: [^\n]+\n\Z")
    test.assertRegex(looked.err, pattern)


class NotHereTest(unittest.TestCase):
    """Nothing of the machine that the core is looked at on gets into what is said of it."""

    def pretend(self, core, pid):
        """The core of another machine's process, which had the number of one of ours."""
        with lib_core.Headers(core) as headers:
            notes = next(ph for ph in headers.all() if ph[headers.TYPE] == headers.NOTE)
            at, size = notes[headers.OFFSET], notes[headers.FILESZ]
            data = os.pread(headers.file.fileno(), size, at)
            start = data.index(b"CORE\0\0\0\0", 28)  # that of NT_PRPSINFO is the second
            os.pwrite(headers.file.fileno(), pid.to_bytes(4, "little"), at + start + 8 + 24)

    def test_process_of_the_same_number(self):
        dead = lib_core.crashed(self, builds("crash", ("default",))[-1], "panic")
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
            self.pretend(dead.core, other.pid)
            before = run("summary", dead.core, "--json").expect(OK).json()
            text = run("summary", dead.core, "-v").expect(OK).out
            self.assertEqual(before["target"]["pid"], other.pid)
            self.assertEqual(before["target"]["comm"], "crash")
            other.communicate(b"\n")
        after = run("summary", dead.core, "--json").expect(OK).json()
        for document in before, after:
            document["snapshot"].pop("total_ns")
        self.assertEqual(after, before)
        self.assertNotIn("python", text)

    def test_what_is_not_known(self):
        dead = lib_core.crashed(self, builds("crash", ("default",))[-1], "panic")
        document = run("summary", dead.core, "--json").expect(OK).json()
        for key in ("uptime_ns", "rss", "cpu_ns"):
            self.assertNotIn(key, document["target"])
        self.assertRegex(run("summary", dead.core).out, r"\A.*uptime: \?")
        # Their names and states are not in a core.
        threads = document["threads"]
        states = [threads[key] for key in ("running", "sleeping", "stopped", "zombie")
                  if key in threads]
        self.assertEqual(sum(states), 0)
        # It is when the kernel wrote it, and it may have been copied since.
        self.assertAlmostEqual(document["snapshot"]["time_unix_ns"],
                               os.stat(dead.core).st_mtime_ns, delta=1e9)

    def test_the_same_tomorrow(self):
        """Only its name and its time come from the file system."""
        dead = lib_core.crashed(self, builds("crash", ("default",))[-1], "panic")
        commands = ("summary", "-v"), ("stack", "--system"), ("stats", "-v"), ("memstats", "-v")
        first = [run(*words, "--core", dead.core).expect(OK).out for words in commands]
        status = os.stat(dead.core)
        os.utime(dead.core, ns=(status.st_atime_ns, status.st_mtime_ns - 10**15))
        then = [run(*words, "--core", dead.core).expect(OK).out for words in commands]

        def without_time(text):
            return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC|last [\d.]+\w+ ago", "TIME", text)
        self.assertEqual([*map(without_time, then)], [*map(without_time, first)])


    def test_time(self):
        """systemd-coredump notes it beside the core."""
        dead = lib_core.crashed(self, builds("crash", ("default",))[-1], "panic")
        try:
            os.setxattr(dead.core, "user.coredump.timestamp", b"1700000000123456")
        except OSError as error:
            self.skipTest(f"the file system takes no attributes: {error}")
        snapshot = run("summary", dead.core, "--json").expect(OK).json()["snapshot"]
        self.assertEqual(snapshot["time_unix_ns"], 1700000000123456000)
        self.assertIn("2023-11-14 22:13:20 UTC", run("summary", dead.core).out)


class WaitTest(lib_gospy.TargetTest):
    """How long goroutines wait at least is known where the runtime has noted it: from then to the
    newest time that it has noted at all, whatever clock this machine has."""

    def waits(self, target, *options):
        document = run("summary", target, "--json", *options).expect(OK).json()
        return {g["goid"]: g for g in document["goroutines"] if "wait_ns" in g}

    def take(self, pid, core):
        if os.path.exists(core):
            os.unlink(core)
        take_core.take(pid, core)

    def test_bounds(self):
        for build in builds("parked", ("default", "stripped")):
            with self.subTest(build=str(build)):
                self.check_bounds(self.watch(lib_fixture.start(build, "-n", "50")))
            self.doCleanups()

    def check_bounds(self, fixture):
        core = os.path.join(lib_core.directory(self), "core")
        for _ in range(2):  # of the first collection nothing was before
            fixture.ask("gc")
        before = self.waits(fixture.pid)
        self.assertGreaterEqual(len(before), 50)

        def take():
            """What it does now is noted sooner or later."""
            fixture.ask("gc")
            self.take(fixture.pid, core)
            found = self.waits(core)
            return found if all(found[goid]["wait_ns"] >= g["wait_ns"]
                                for goid, g in before.items() if goid in found) else None
        found = lib_gospy.wait_for(take, "the time of the first look to be noted")
        after = self.waits(fixture.pid)
        self.assertGreaterEqual(len(found), 50)
        for goid, g in found.items():
            self.assertIs(g["wait_at_least"], True)
            if goid in before and goid in after:
                self.assertLessEqual(g["wait_ns"], after[goid]["wait_ns"])
        self.assertFalse([g for g in after.values() if "wait_at_least" in g])
        bundle = os.path.join(os.path.dirname(core), "bundle")
        run("capture", core, "-o", bundle).expect(OK)
        self.assertEqual(self.waits(bundle), found)

    def test_text(self):
        """A sign says that it may be longer; what waits less cannot be told."""
        build = builds("parked", ("default",))[-1]
        fixture = self.watch(lib_fixture.start(build, "-n", "50"))
        core = os.path.join(lib_core.directory(self), "core")
        fixture.ask("gc")

        def take():
            fixture.ask("gc")
            self.take(fixture.pid, core)
            return max((g["wait_ns"] for g in self.waits(core).values()), default=0) >= 10**9
        lib_gospy.wait_for(take, "a second to be noted")
        self.assertRegex(run("summary", core).expect(OK).out, r"(?m)^\d+ - .*, >=\d+ second")
        self.assertRegex(run("summary", core, "--group").expect(OK).out, r"  >=\d+ second")
        looked = run("summary", core, "--min-wait", "1000h").expect(OK)
        self.assertIn("is unknown", looked.err)
        self.assertNotIn("--for", looked.err)


class ExecutableTest(unittest.TestCase):
    """The program of a core: where it is looked for, and that no other one is believed."""

    def setUp(self):
        found = builds("crash", ("default",))
        self.place = lib_core.directory(self)
        self.path = shutil.copy(found[-1].path, os.path.join(self.place, "program"))
        self.other = found[0].path if len(found) > 1 else lib_gospy.GOSPY
        self.dead = lib_core.crashed(self, found[-1]._replace(path=self.path), "panic")

    def check_whole(self, *options):
        own = split(self.dead.printed)
        shown = split(run("stack", "--system", *options, self.dead.core).expect(OK).out)
        self.assertEqual(sorted(shown), sorted(own))

    def go_build_id(self):
        with open(self.path, "rb") as f:
            return re.search(b"\4\0\0\0Go\0\0([\\w/-]+)", f.read())[1].decode()

    def move(self):
        moved = os.path.join(self.place, "elsewhere")
        os.rename(self.path, moved)
        return moved

    def test_gone(self):
        build_id = self.go_build_id()
        moved = self.move()
        for command in ("summary", "stack", "memstats", "stats", "version"):
            with self.subTest(command=command):
                looked = run(command, self.dead.core)
                one_line(self, looked, looked.status, re.escape(self.path))
                self.assertIn(looked.status, (ERROR, NO_TARGET))
                for word in (build_id, "--bin", "--root", "coredump_filter"):
                    self.assertIn(word, looked.err)
        self.check_whole("--bin", moved)

    def test_root(self):
        root = lib_core.directory(self)
        os.makedirs(root + os.path.dirname(self.path))
        os.rename(self.path, root + self.path)
        self.check_whole("--root", root)
        empty = lib_core.directory(self)
        looked = run("stack", self.dead.core, "--root", empty)
        one_line(self, looked, looked.status, re.escape(self.path))

    def test_root_does_not_lead_out(self):
        """A link of the container's is meant below its root."""
        root, other = lib_core.directory(self), lib_core.directory(self)
        os.makedirs(root + os.path.dirname(self.place))
        os.symlink(other, root + self.place)
        os.rename(self.path, os.path.join(other, "program"))
        self.assertNotEqual(run("stack", self.dead.core, "--root", root).status, OK)
        os.makedirs(root + other)
        os.rename(os.path.join(other, "program"), os.path.join(root + other, "program"))
        self.check_whole("--root", root)

    def test_another_one_there(self):
        moved = self.move()
        shutil.copy(self.other, self.path)
        looked = run("stack", self.dead.core)
        one_line(self, looked, looked.status, "not its program")
        self.assertIn(looked.status, (ERROR, NO_TARGET))
        looked = run("stack", self.dead.core, "--bin", self.other)
        self.assertNotEqual(looked.status, OK)
        self.assertNotIn("goroutine", looked.out)
        self.check_whole("--bin", moved)

    def test_no_file_there(self):
        """What a core names may be anything by now."""
        moved = self.move()
        for make in (os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path),
                     lambda path: os.symlink(path, path)):
            make(self.path)
            looked = run("stack", self.dead.core)
            one_line(self, looked, looked.status, re.escape(self.path))
            (os.rmdir if os.path.isdir(self.path) else os.unlink)(self.path)
        self.check_whole("--bin", moved)


class FilesOfIds(http.server.BaseHTTPRequestHandler):
    """A server as of debuginfod: files by build ID, of its .files."""

    def do_GET(self):
        self.server.asked.append(self.path)
        path = self.server.files.get(self.path)
        if not path:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(os.path.getsize(path)))
        self.end_headers()
        with open(path, "rb") as f:
            shutil.copyfileobj(f, self.wfile)

    def log_message(self, *_):
        pass


@unittest.skipUnless(ctypes.util.find_library("debuginfod"), "no libdebuginfod")
class ServerTest(unittest.TestCase):
    """A program that is not here comes from the servers that the user names, if it is the same."""

    def setUp(self):
        self.place = lib_core.directory(self)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FilesOfIds)
        self.server.files, self.server.asked = {}, []
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        build = next((build for build in builds("states", ("default", "cgo"))
                      if gnu_build_id(build.path)), None)
        if not build:
            self.skipTest("no program with a build ID of GNU's")
        self.build, self.id = build, gnu_build_id(build.path)
        program = shutil.copy(build.path, os.path.join(self.place, "program"))
        fixture = lib_fixture.Fixture(program)
        self.addCleanup(fixture.close)
        self.core = os.path.join(self.place, "core")
        take_core.take(fixture.pid, self.core)
        self.live = run("stack", self.core).expect(OK).out
        os.unlink(program)

    def stack(self, urls):
        """With an empty cache."""
        environment = {"DEBUGINFOD_URLS": urls, "DEBUGINFOD_CACHE_PATH": lib_core.directory(self)}
        with unittest.mock.patch.dict(os.environ, environment):
            return run("stack", self.core)

    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def test_program(self):
        wanted = f"/buildid/{self.id}/executable"
        self.server.files[wanted] = self.build.path
        self.assertEqual(self.stack(self.url()).expect(OK).out, self.live)
        self.assertEqual(self.server.asked, [wanted])

    def test_not_asked(self):
        looked = self.stack("")
        one_line(self, looked, looked.status, "DEBUGINFOD_URLS")
        self.assertIn(self.id, looked.err)
        self.assertEqual(self.server.asked, [])

    def test_none(self):
        looked = self.stack(self.url())
        one_line(self, looked, looked.status, "DEBUGINFOD_URLS has it neither")
        self.assertIn(self.id, looked.err)
        self.assertEqual(len(self.server.asked), 1)

    def test_another_one(self):
        for other in lib_gospy.GOSPY, __file__:
            self.server.files[f"/buildid/{self.id}/executable"] = other
            looked = self.stack(self.url())
            one_line(self, looked, looked.status, "DEBUGINFOD_URLS has for it is another one")

    def test_nobody_there(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            looked = self.stack(f"http://127.0.0.1:{s.getsockname()[1]}")
        one_line(self, looked, looked.status, "DEBUGINFOD_URLS")


def gnu_build_id(path):
    """In hex; None: it has none."""
    with open(path, "rb") as f:
        found = re.search(b"\4\0\0\0\x14\0\0\0\3\0\0\0GNU\0(.{20})", f.read(4096), re.DOTALL)
    return found and found[1].hex()


class NativeTest(lib_gospy.TargetTest):
    """Stacks of C code are those of the process where the files are at hand that the core does not
    hold; else it is said which code cannot be gone through, and why."""

    def test_files(self):
        for build in builds("cgo", ("cgo",)):
            with self.subTest(build=str(build)):
                self.check_files(self.watch(lib_fixture.start(build)), os.path.realpath(build.path))
            self.doCleanups()

    def check_files(self, fixture, program):
        live = run("stack", fixture.pid, "--native")
        if "without libunwind" in live.err:
            self.skipTest(live.err)
        place = lib_core.directory(self)
        core, root = os.path.join(place, "core"), os.path.join(place, "root")
        os.makedirs(root + os.path.dirname(program))
        shutil.copy(program, root + program)
        take_core.take(fixture.pid, core)
        whole = run("stack", core, "--native").expect(OK).out

        def called(text):
            return sorted(line.split("(")[0] for line in text.split("\n") if "Cfunc" in line)
        self.assertTrue(called(whole))
        self.assertEqual(called(whole), called(live.expect(OK).out))
        looked = run("stack", core, "--native", "--root", root).expect(PARTIAL)
        self.assertRegex(looked.out, r"(?m)^0x[0-9a-f]+ in libc\S*\+0x[0-9a-f]+\(\.\.\.\)$")
        self.assertRegex(looked.out, r"(?m)^\[native stack unreadable at 0x[0-9a-f]+: .*--root.*\]$")


class StandardInputTest(unittest.TestCase):
    """A core that comes through a pipe, as coredumpctl and the kernel give it; and one word more for
    the option."""

    def setUp(self):
        self.dead = lib_core.crashed(self, builds("crash", ("default",))[-1], "panic")

    def piped(self, *words, data=None, place=None):
        if data is None:
            with open(self.dead.core, "rb") as f:
                data = f.read()
        with unittest.mock.patch.dict(os.environ, {"TMPDIR": place or lib_core.directory(self)}):
            return subprocess.run([lib_gospy.GOSPY, *words], input=data, capture_output=True,
                                  check=False)

    def test_pipe(self):
        place = lib_core.directory(self)
        own = run("stack", "--system", self.dead.core).expect(OK).out.encode()
        for name in (["--core"], ["--bundle"], []):
            looked = self.piped("stack", "--system", *name, "-", place=place)
            self.assertEqual((looked.returncode, looked.stdout), (OK, own), looked.stderr)
        with open(lib_core.compress(self, self.dead.core, "gz"), "rb") as f:
            self.assertEqual(self.piped("stack", "--system", "--core", "-", data=f.read()).stdout,
                             own)
        with open(self.dead.core, "rb") as f:
            looked = subprocess.run([lib_gospy.GOSPY, "stack", "--system", "--core", "-"], stdin=f,
                                    capture_output=True, check=False)
        self.assertEqual(looked.stdout, own)
        for words in ("-",), ("top", "-"), ("memstats", "-", "--all"), ("diff", self.dead.core, "-"):
            looked = self.piped(*words, place=place)
            self.assertEqual(looked.returncode, OK, looked.stderr)
            self.assertTrue(looked.stdout, words)
        self.assertEqual(os.listdir(place), [])

    def test_capture(self):
        """A bundle of what comes through a pipe: a handler of cores."""
        made = self.piped("capture", "-", "-o", "-", "--redact", "none", "--labels")
        self.assertEqual(made.returncode, OK, made.stderr)
        path = os.path.join(lib_core.directory(self), "bundle")
        with open(path, "wb") as f:
            f.write(made.stdout)
        os.rename(self.dead.core, self.dead.core + ".moved")
        self.assertEqual(run("stack", path).expect(OK).out,
                         run("stack", self.dead.core + ".moved").expect(OK).out)

    def test_memory(self):
        """What is there is copied to a file, so that memory does not matter."""
        size = 1 << 30
        with open(self.dead.core, "r+b") as f:
            f.truncate(size)
        command = [sys.executable, "-c", PEAK, lib_gospy.GOSPY, "stack", "--core", "-"]
        with open(self.dead.core, "rb") as f, subprocess.Popen(["cat"], stdin=f,
                                                               stdout=subprocess.PIPE) as cat:
            out = subprocess.run(command, stdin=cat.stdout, capture_output=True, text=True,
                                 check=True).stdout
        self.assertIn("goroutine 1 [running", out)
        self.assertLess(int(out.split("peak ")[1]) << 10, size // 4)

    def test_refused(self):
        for words, data, status, message in (
                (("stack",), b"", ERROR, "empty"),
                (("stack",), b"no core", ERROR, "standard input"),
                (("stack", "--max-unpacked", str(1 << 20)), None, ERROR, "--max-unpacked"),
                (("doctor",), b"", USAGE, "standard input"),
                (("summary", "-"), b"", USAGE, "only once"),
                (("diff", "-"), b"", USAGE, "only once")):
            with self.subTest(words=words):
                looked = self.piped(*words, "--core", "-", data=data)
                self.assertEqual(looked.returncode, status)
                self.assertRegex(looked.stderr.decode(), rf"\Agospy: [^\n]*{message}[^\n]*\n\Z")


class FileTest(unittest.TestCase):
    """Files that are no cores, or not of Go programs."""

    def path(self, name):
        return os.path.join(self.place, name)

    def setUp(self):
        self.place = lib_core.directory(self)

    def test_none(self):
        for name, data in (("text", b"no core\n"), ("empty", b""), ("magic", b"\x7fELF"),
                           ("zeros", bytes(5000))):
            with open(self.path(name), "wb") as f:
                f.write(data)
            one_line(self, run("stack", "--core", self.path(name)), ERROR, name)
        os.mkdir(self.path("directory"))
        os.mkfifo(self.path("fifo"))
        os.symlink("loop", self.path("loop"))
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(self.path("socket"))
            for name in ("directory", "fifo", "loop", "socket", "missing"):
                one_line(self, run("stack", "--core", self.path(name)), ERROR, name)
        one_line(self, run("stack", "--core", "/dev/zero"), ERROR, "/dev/zero")
        one_line(self, run("stack", "--core", ""), USAGE, "--core")

    def test_program(self):
        build = builds("crash", ("default",))[-1]
        one_line(self, run("stack", "--core", build.path), ERROR, "no core file.*--bin")

    def test_of_c(self):
        """A program without Go."""
        need = builds("notgo", ("default",))[0]
        lib_core.need_kernel_cores()
        with subprocess.Popen(["sleep", "1000"], cwd=self.place) as process:
            try:
                lib_core.allow_core(process.pid, lib_core.COMPLETE)
                lib_gospy.wait_for(lambda: b"sleep" in cmdline(process.pid), "it to begin")
                os.kill(process.pid, signal.SIGQUIT)
                process.wait(timeout=lib_gospy.HANG)
            finally:
                process.kill()
        one_line(self, run("stack", lib_core.only_core(self.place)), NO_TARGET, "Go")
        self.assertTrue(need)

    def test_packed_nonsense(self):
        for name, magic in (("zst", b"\x28\xb5\x2f\xfd"), ("lz4", b"\x04\x22\x4d\x18"),
                            ("xz", b"\xfd7zXZ\0"), ("gz", b"\x1f\x8b")):
            with self.subTest(name=name):
                with open(self.path(name), "wb") as f:
                    f.write(magic + b"nonsense" * 100)
                one_line(self, run("stack", "--core", self.path(name)), ERROR, name)

    def test_packed_text(self):
        with open(self.path("text"), "wb") as f:
            f.write(b"no core\n" * 1000)
        for how in lib_core.COMPRESSIONS:
            with self.subTest(how=how):
                one_line(self, run("stack", "--core", lib_core.compress(self, f.name, how)),
                         ERROR, "no core")

    def test_too_large_when_unpacked(self):
        dead = lib_core.crashed(self, builds("crash", ("default",))[-1], "panic")
        for how in lib_core.COMPRESSIONS:
            with self.subTest(how=how):
                packed = lib_core.compress(self, dead.core, how)
                looked = run("stack", packed, "--max-unpacked", 1 << 20)
                self.assertIn(looked.status, (ERROR, PARTIAL))
                self.assertRegex(looked.err, r"\Agospy: [^\n]*--max-unpacked[^\n]*\n\Z")


def cmdline(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as f:
        return f.read()


LARGE = 100 << 30
# Runs a program and says what it took.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)  # writes to the same output, before
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


class DamageTest(unittest.TestCase):
    """Cores that were cut off, or whose headers lie: what is there is shown, and never more."""

    def setUp(self):
        self.dead = lib_core.crashed(self, builds("crash", ("default",))[-1], "panic",
                                     lib_core.COMPLETE)
        self.whole = split(run("stack", "--system", self.dead.core).expect(OK).out)
        self.path = os.path.join(lib_core.directory(self), "damaged")
        lib_core.copy(self.dead.core, self.path)

    def look(self):
        """A run on what became of it: it ends well, with nothing that was not so."""
        looked = run("stack", "--system", "--core", self.path)
        if looked.status in (ERROR, NO_TARGET):
            self.assertEqual(looked.out, "", str(looked))
            self.assertRegex(looked.err, r"\Agospy: [^\n]+\n\Z")
        else:
            self.assertIn(looked.status, (OK, PARTIAL), f"{looked}\n{looked.err}")
        return looked

    def test_of_sixty_percent(self):
        os.truncate(self.path, os.path.getsize(self.path) * 6 // 10)
        looked = self.look()
        self.assertEqual(looked.status, PARTIAL, looked.err)
        self.assertRegex(looked.err, r"(?m)^gospy: note: .* missing: .*cut off")
        self.assertIn("missing", run("summary", "--core", self.path).err)

    def test_within_headers(self):
        with lib_core.Headers(self.path) as headers:
            end = headers.start + headers.count * headers.PHDR.size
        for size in (end - 1, end // 2, 64, 63, 17, 5):
            os.truncate(self.path, size)
            one_line(self, run("stack", "--core", self.path), ERROR, "cut off")

    def test_cut_anywhere(self):
        """At 500 places, most of them where something is."""
        with open(self.path, "rb") as f:
            parts = list(lib_core.extents(f))
        held = sum(end - start for start, end in parts)
        places = {64 + 11 * i for i in range(150)}
        for i in range(350):
            at = held * i // 350
            for start, end in parts:
                if at < end - start:
                    places.add(start + at)
                    break
                at -= end - start
        shown = []
        for size in sorted(places, reverse=True):
            os.truncate(self.path, size)
            looked = self.look()
            self.assertNotEqual(looked.status, OK, size)
            shown.append(sum(self.whole.get(goid) == lines
                             for goid, lines in split(looked.out).items()))
        print(f"of {len(self.whole)} goroutines {max(shown)} to {min(shown)} are shown, "
              f"at {len(places)} places")
        self.assertGreater(max(shown), len(self.whole) // 2)

    def test_lying_headers(self):
        """Each program header, in turn, says what cannot be."""
        huge = (1 << 64) - 1
        with lib_core.Headers(self.path) as headers:
            originals = headers.all()
            for i, ph in enumerate(originals):
                for field, value in ((headers.OFFSET, huge), (headers.OFFSET, 0),
                                     (headers.FILESZ, huge), (headers.FILESZ, 1 << 40),
                                     (headers.MEMSZ, huge), (headers.MEMSZ, 0),
                                     (headers.VADDR, huge - 4095), (headers.VADDR, 0),
                                     (headers.VADDR, originals[i // 2][headers.VADDR] + 4096),
                                     (headers.TYPE, headers.NOTE), (headers.TYPE, headers.LOAD),
                                     (headers.ALIGN, 3)):
                    changed = list(ph)
                    changed[field] = value
                    if changed == ph:
                        continue
                    with self.subTest(header=i, field=field, value=hex(value)):
                        headers.write(i, changed)
                        self.look()
                headers.write(i, ph)
        self.assertEqual(split(run("stack", "--system", self.path).expect(OK).out), self.whole)

    def test_lying_counts(self):
        """Of program headers: none, as many as may be, more than there are; where they are."""
        with lib_core.Headers(self.path) as headers:
            for field, value in ((10, 0), (10, 0xffff), (10, 0xfffe), (10, 1), (9, 0), (9, 1),
                                 (5, 0), (5, (1 << 64) - 8), (5, 1 << 62), (1, 0), (2, 0),
                                 (6, (1 << 64) - 8)):
                changed = list(headers.ehdr)
                changed[field] = value
                with self.subTest(field=field, value=hex(value)):
                    headers.write_ehdr(changed)
                    self.look()

    def test_lying_notes(self):
        """Each byte of the heads of the first notes."""
        with lib_core.Headers(self.path) as headers:
            notes = next(ph for ph in headers.all() if ph[headers.TYPE] == headers.NOTE)
            f, at = headers.file.fileno(), notes[headers.OFFSET]
            for where in range(at, at + 400, 4):
                original = os.pread(f, 4, where)
                for value in (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xf0\xff\xff\x7f"):
                    with self.subTest(at=where - at, value=value):
                        os.pwrite(f, value, where)
                        self.look()
                os.pwrite(f, original, where)

    def test_more_headers_than_fit(self):
        """65,535 and more: their number is in a section header then."""
        with lib_core.Headers(self.path) as headers:
            headers.append([[1, 4, 0, 0x10000000 + 8192 * i, 0, 0, 4096, 4096]
                            for i in range(66000)])
        self.assertEqual(split(run("stack", "--system", self.path).expect(OK).out), self.whole)

    def peak_kb(self, path):
        """What gospy takes at most to show the core, which is whole."""
        looked = subprocess.run([sys.executable, "-c", PEAK, lib_gospy.GOSPY, "stack", "--system",
                                 path], capture_output=True, text=True, check=True)
        text, peak = looked.stdout.rsplit("peak ", 1)
        self.assertEqual(split(text), self.whole)
        return int(peak.split()[0])

    def test_large(self):
        """100 GB that are mostly holes cost what the rest does."""
        with lib_core.Headers(self.path) as headers:
            size = os.path.getsize(self.path)
            headers.append([[1, 6, size, 0x100000000000, 0, LARGE, LARGE, 4096]])
        try:
            os.truncate(self.path, os.path.getsize(self.path) + LARGE)
        except OSError as error:
            self.skipTest(f"no file can be that large: {error}")
        self.assertLess(self.peak_kb(self.path), self.peak_kb(self.dead.core) + 4096)


if __name__ == "__main__":
    lib_gospy.main()
