#!/usr/bin/env python3
"""gospy capture: a bundle shows what its process showed, tells nothing that it was to leave out, and
is opened where there is no program. That every command shows the same of it is tried by the scripts
of these commands, which are run on bundles as well (GOSPY_ON)."""
import json
import os
import re
import secrets
import shutil
import stat
import struct
import subprocess
import tempfile
import unittest

import lib_core
import lib_fixture
import lib_gospy
from lib_gospy import ERROR, OK, USAGE, run


def without_header(text):
    """What a command says but for where it was read: the pause, or the bundle."""
    text = re.sub(r" +\((paused|nothing ran|bundle)[^)]*\)", "", text)
    return re.sub(r"uptime: \S+|last \S+ ago|, \d+ (seconds?|minutes?)|\d+ (seconds?|minutes?) ", "",
                  text)


def places(text):
    """A traceback without what the functions were called with."""
    return [lib_fixture.without_arguments(line) if "(" in line and line[:1] != "\t" else line
            for line in text.split("\n")]


def newest(name):
    return lib_fixture.builds(name, variants=("default",))[-1]


class CaptureTest(unittest.TestCase):
    def start(self, name, *args, build=None):
        fixture = lib_fixture.Fixture((build or newest(name)).path, *args)
        self.addCleanup(fixture.close)
        return fixture

    def capture(self, fixture, *options):
        path = os.path.join(lib_core.directory(self), "b.core.zst")
        run("capture", fixture.pid, "-o", path, *options).expect(OK)
        return path

    def at_rest(self, fixture, *command, captured=()):
        """What a command shows of the program, and a bundle of it, of a time in which it rests."""
        def take():
            before = run(*command, fixture.pid).expect(OK).out
            path = self.capture(fixture, "--labels", *captured)
            return (before, path) if run(*command, fixture.pid).out == before else None
        return lib_gospy.wait_for(take, "the program to come to rest")

    def test_where_there_is_no_program(self):
        """The executable is gone, and not even /proc is asked for anything."""
        for build in lib_gospy.builds("states", ("default", "stripped", "pie", "cgo")):
            with self.subTest(build=str(build)):
                copy = os.path.join(lib_core.directory(self), "program")
                shutil.copy(build.path, copy)
                fixture = lib_fixture.Fixture(copy)
                self.addCleanup(fixture.close)
                live, path = self.at_rest(fixture, "stack", "--no-args")
                fixture.close()
                os.unlink(copy)
                self.assertEqual(run("stack", path, "--no-args").expect(OK).out, live)

    def test_copy_of_gs(self):
        """Of many goroutines the g's are in the bundle once more, and say what the pages say."""
        count = 5000
        fixture = self.start("parked", "-n", count)
        live, path = self.at_rest(fixture, "summary", captured=("--plain",))
        copied = run("summary", path, "--json").expect(OK).json()["goroutines"]
        note = struct.pack("<I", 0x5950534b) + b"GOSPY"
        with open(path, "rb") as file:
            data = file.read()
        self.assertEqual(data.count(note), 1)
        with open(path, "wb") as file:
            file.write(data.replace(note, struct.pack("<I", 0x5950534f) + b"GOSPY"))
        self.assertEqual(run("summary", path, "--json").expect(OK).json()["goroutines"], copied)
        self.assertGreater(len(copied), count)
        self.assertEqual(without_header(run("summary", path).expect(OK).out), without_header(live))

    def test_summary_is_the_same(self):
        """Of a program that is the same before and after: its start may go on for a moment."""
        fixture = self.start("parked")

        def take():
            before, path, after = (run("summary", fixture.pid).expect(OK).out,
                                   self.capture(fixture),
                                   run("summary", fixture.pid).expect(OK).out)
            same = without_header(before) == without_header(after)
            return (before, run("summary", path).expect(OK).out) if same else None
        live, bundle = lib_gospy.wait_for(take, "the program to come to rest")
        self.assertEqual(without_header(bundle), without_header(live))

    def test_left_out(self):
        """Each command says what the bundle is without."""
        path = self.capture(self.start("parked"), "--sockets")
        for words in (["summary"], ["stack"], ["memstats"], ["stats"], ["pprof", "goroutine"],
                      ["diff", path], ["version"], ["doctor"], ["top", "-n", "1"]):
            options = ("--format", "folded") if "pprof" in words else ()
            looked = run(*words, path, *options).expect(OK)
            self.assertRegex(looked.err, r"(?m)^gospy: note: .* without .*values on stacks that")
            self.assertNotIn("descriptors", looked.err)
            self.assertEqual(run(*words, path, *options, "--quiet").err, "")
        for words in ["summary"], ["stack"], ["version"], ["doctor"], ["top", "-n", "1"]:
            found = re.findall('"left_out":"([^"]*)"', run(*words, path, "--json").expect(OK).out)
            self.assertEqual(len(found), 1, str(words))
            self.assertIn("values on stacks that", found[0])

    def test_json(self):
        fixture = self.start("parked")
        path = os.path.join(lib_core.directory(self), "b.core.zst")
        said = run("capture", fixture.pid, "-o", path, "--json").expect(OK).json()
        self.assertEqual(said["file"], path)
        self.assertEqual(said["bytes"], os.stat(path).st_size)
        self.assertEqual(said["goroutines"], fixture.ready["num_goroutine"])
        target = run("summary", path, "--json", "--limit", 1).expect(OK).json()["target"]
        self.assertEqual(target["pid"], fixture.pid)
        self.assertEqual(target["bundle"], path)
        self.assertIn("stacks", target["left_out"])

    def test_file(self):
        """It is the user's own, appears whole, and may be a pipe."""
        fixture = self.start("parked")
        path = self.capture(fixture)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(os.listdir(os.path.dirname(path)), [os.path.basename(path)])
        piped = subprocess.run([lib_gospy.GOSPY, "capture", str(fixture.pid), "-o", "-"], check=True,
                               capture_output=True)
        self.assertEqual(piped.stderr, b"")
        with open(path + ".piped", "wb") as f:
            f.write(piped.stdout)
        self.assertEqual(run("stack", path + ".piped").expect(OK).out,
                         run("stack", path).expect(OK).out)
        run("capture", fixture.pid, "-o", "-", "--json").expect(USAGE)
        run("capture", fixture.pid, "-o", "/nowhere/at/all").expect(ERROR)

    def test_plain_and_of_a_core(self):
        """A core file becomes a bundle as well, and what is not packed is an ELF core."""
        fixture = self.start("parked")
        plain = self.capture(fixture, "--plain")
        with open(plain, "rb") as f:
            self.assertEqual(f.read(4), b"\x7fELF")
        again = os.path.join(lib_core.directory(self), "again.core.zst")
        run("capture", plain, "-o", again).expect(OK)
        self.assertEqual(run("stack", again).expect(OK).out, run("stack", plain).expect(OK).out)

    def waits_for(self, target):
        document = run("summary", target, "--json").expect(OK).json()
        return {g["goid"]: {key: value for key, value in g["waits_for"].items() if key != "due_ns"}
                for g in document["goroutines"] if "waits_for" in g}

    def test_sockets(self):
        """With what descriptors are if that was asked for, also when the process is gone; and a
        bundle of the bundle has it, too."""
        for build in lib_gospy.builds("states", ("default",)):
            with self.subTest(build=str(build)):
                fixture = self.start("states", build=build)
                live = self.waits_for(fixture.pid)
                self.assertTrue([w for w in live.values() if "remote" in w])
                self.assertTrue([w for w in live.values() if w.get("type") == "pipe"])
                without = self.capture(fixture)
                path = self.capture(fixture, "--sockets")
                fixture.close()
                again = os.path.join(lib_core.directory(self), "again.core.zst")
                run("capture", path, "--sockets", "-o", again).expect(OK)
                self.assertEqual(self.waits_for(path), live)
                self.assertEqual(self.waits_for(again), live)
                bare = self.waits_for(without)
                self.assertEqual({goid: w.get("fd") for goid, w in bare.items()},
                                 {goid: w.get("fd") for goid, w in live.items()})
                self.assertFalse([w for w in bare.values() if "type" in w or "local" in w])
                failed = run("capture", without, "--sockets", "-o", again + ".2").expect(USAGE)
                self.assertRegex(failed.err, r"\Agospy: [^\n]*descriptors[^\n]*\n\Z")

    def test_native(self):
        """Stacks of C code and of threads if they were asked for, with the names of functions, where
        no file is at hand."""
        for build in lib_gospy.builds("cgo", ("cgo", "cgopie")):
            with self.subTest(build=str(build)):
                copy = os.path.join(lib_core.directory(self), "program")
                shutil.copy(build.path, copy)
                fixture = lib_fixture.Fixture(copy)
                self.addCleanup(fixture.close)
                looked = run("stack", fixture.pid, "--native")
                if "without libunwind" in looked.err:
                    self.skipTest(looked.err)
                live, path = self.at_rest(fixture, "stack", "--native",
                                          captured=("--native", "--redact", "none"))
                threads = run("stack", fixture.pid, "--native", "--threads").expect(OK).out
                redacted, without = self.capture(fixture, "--native"), self.capture(fixture)
                fixture.close()
                os.unlink(copy)
                self.assertIn("read_byte(", live)
                self.assertEqual(run("stack", path, "--native").expect(OK).out, live)
                self.assertEqual(run("stack", path, "--native", "--threads").expect(OK).out, threads)
                self.assertEqual(places(run("stack", redacted, "--native").expect(OK).out),
                                 places(live))
                failed = run("stack", without, "--native").expect(USAGE)
                self.assertIn("capture --native", failed.err)
                run("capture", without, "--native", "-o", copy).expect(USAGE)

    def test_profiles(self):
        """Of two bundles, one less the other, as of files of profiles."""
        fixture = self.start("leak")

        def whole():
            path = os.path.join(lib_core.directory(self), "b.core.zst")
            made = run("capture", fixture.pid, "-o", path, "--json").json()
            marked = made["moved"] + made["torn"] + made["late"] + made["unreadable"]
            return None if marked else path
        before = lib_gospy.wait_for(whole, "a bundle without marks")

        def grown():
            path = lib_gospy.wait_for(whole, "a bundle without marks")
            same = run("pprof", "goroutine", before, "--format", "folded").out == run(
                "pprof", "goroutine", path, "--format", "folded").out
            return None if same else path
        after = lib_gospy.wait_for(grown, "it to leak")
        base = os.path.join(lib_core.directory(self), "base")
        run("pprof", "goroutine", before, "-o", base).expect(OK)
        by_file, by_bundle = (
            run("pprof", "goroutine", after, "--diff", what, "--format", "folded").expect(OK).out
            for what in (base, before))
        self.assertTrue(by_bundle)
        self.assertEqual(by_bundle, by_file)
        failed = run("pprof", "threadcreate", after, "--diff", base).expect(USAGE)
        self.assertIn("another profile", failed.err)

    def test_native_of_go(self):
        """System stacks of threads that Go makes lie between other objects of the heap."""
        fixture = self.start("states")
        if "without libunwind" in run("stack", fixture.pid, "--native").err:
            self.skipTest("no libunwind")
        live, path = self.at_rest(fixture, "stack", "--no-args", captured=("--native",))
        self.assertEqual(run("stack", path, "--no-args").expect(OK).out, live)
        own = run("stack", fixture.pid, "--native", "--threads").out
        shown = run("stack", path, "--native", "--threads").expect(OK).out
        self.assertEqual(len(re.findall("(?m)^thread ", shown)),
                         len(re.findall("(?m)^thread ", own)))

    def test_newborn(self):
        """Goroutines begin and end while it is made; attempts of a moment may be given up."""
        fixture = self.start("leak")
        for how in ((), ("--non-blocking",), ("--max-pause", "1ms"), ("--heap", "--non-blocking")) * 2:
            with self.subTest(how=how):
                path = os.path.join(lib_core.directory(self), "b.core.zst")
                made = run("capture", fixture.pid, "-o", path, "--json", *how).json()
                shown = run("summary", path, "--json", "--limit", 1).json()
                self.assertEqual(shown["goroutine_counts"]["total"], made["goroutines"])
                if "--heap" in how:
                    # Without a stop not all of the heap can be known.
                    self.assertIn(run("leaks", path, "--json").status, (OK, lib_gospy.PARTIAL))

    def test_native_takes_a_stop(self):
        fixture = self.start("parked")
        run("capture", fixture.pid, "--native", "--non-blocking", "-o", "-").expect(USAGE)

    def test_redaction_is_shown(self):
        """An argument that was not kept is no zero."""
        fixture = self.start("states")
        live, path = self.at_rest(fixture, "stack", captured=("--redact", "none"))
        self.assertEqual(run("stack", path).expect(OK).out, live)
        redacted = run("stack", self.capture(fixture)).expect(OK).out
        self.assertNotEqual(redacted, live)
        self.assertIn("_", redacted)
        self.assertNotRegex(redacted, r"\b0x0\b")

    def test_secrets(self):
        """What a program has in its environment, its arguments, on stacks, in objects and in labels
        is not in a bundle, unless it was asked for."""
        for build in lib_gospy.builds("secrets", ("default", "stripped")):
            with self.subTest(build=str(build)):
                secret = "s3cret-" + secrets.token_hex(12)
                fixture = lib_fixture.Fixture(build.path, f"--password={secret}",
                                              env={"SECRET": secret})
                self.addCleanup(fixture.close)
                self.assertEqual(self.hits(secret, fixture), 0)
                self.assertEqual(self.hits(secret, fixture, "--non-blocking"), 0)
                self.assertEqual(self.hits(secret, fixture, "--sockets", "--native"), 0)
                self.assertGreater(self.hits(secret, fixture, "--redact", "none"), 0)
                self.assertGreater(self.hits(secret, fixture, "--labels"), 0)

    def hits(self, secret, fixture, *options):
        """How often a part of it that says enough is in a bundle."""
        with open(self.capture(fixture, "--plain", *options), "rb") as f:
            bundle = f.read()
        parts = {secret[i:i + 8].encode() for i in range(len("s3cret-"), len(secret) - 7)}
        return sum(bundle.count(part) for part in parts)

    def series(self, fixture, *options):
        """A run that writes one bundle after the other, and its folder."""
        place = lib_core.directory(self)
        process = subprocess.Popen(
            [lib_gospy.GOSPY, "capture", str(fixture.pid), *options, "-o", place, "--json=lines"],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, place

    def test_every(self):
        """The last ones stay, and the end of the process is that of the run."""
        fixture = self.start("parked")
        process, place = self.series(fixture, "--every", "10ms", "--keep", "2")
        written = [json.loads(process.stdout.readline())["file"] for _ in range(5)]
        self.assertFalse(os.path.exists(written[0]) or os.path.exists(written[1]))
        fixture.close()
        last = [json.loads(line)["file"] for line in process.stdout] or written
        self.assertEqual(process.wait(), OK)
        kept = sorted(os.path.join(place, name) for name in os.listdir(place))
        self.assertEqual(kept, sorted((written + last)[-2:] if last is not written
                                      else written[-2:]))
        run("summary", kept[0]).expect(OK)

    def test_when(self):
        """When it becomes true, once."""
        fixture = self.start("states")
        limit = fixture.ready["num_goroutine"]
        never, empty = self.series(fixture, "--every", "10ms", "--when", f"goroutines>{limit}")
        process, place = self.series(fixture, "--every", "10ms", "--when",
                                     f"goroutines>{limit - 1}")
        first = json.loads(process.stdout.readline())
        self.assertEqual(first["goroutines"], limit)
        fixture.close()
        self.assertEqual((process.stdout.read(), process.wait(), never.stdout.read(), never.wait()),
                         ("", OK, "", OK))
        self.assertEqual(os.listdir(empty), [])
        self.assertEqual(os.listdir(place), [os.path.basename(first["file"])])

    def test_non_blocking(self):
        fixture = self.start("states")
        path = self.capture(fixture, "--non-blocking")
        said = run("summary", path, "--json").expect(OK).json()
        self.assertEqual(said["goroutine_counts"]["total"], fixture.ready["num_goroutine"])


if __name__ == "__main__":
    unittest.main()
