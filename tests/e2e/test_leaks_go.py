"""gospy leaks on the programs with which Go tests its own leak profile: runtime/testdata of the newest
toolchain, which is at hand as long as the fixtures are. With GOSPY_LEAKS_OLDER=1 by older versions, too."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import lib_fixture
import lib_gospy
import lib_pprof

PROGRAMS = "testgoroutineleakprofile"
FIRST = 27   # that has the profile
OLDEST = 20  # that compiles the programs
OLDER = os.environ.get("GOSPY_LEAKS_OLDER")

# Programs that do not come to rest, or fail now and then by themselves (see Go's own test).
RESTLESS = {"Kubernetes1321"}

# How long a leak may take that happens each time, and any, to settle.
PATIENCE = 60

LOOK = """package main

import (
	"bufio"
	"io"
	"os"
	"runtime/pprof"
)

// gospyLook stands for the profile that the program would write: it is written each time that
// somebody asks, so that he can tell whether anything has changed in between.
func gospyLook(prof *pprof.Profile, w io.Writer, debug int) {
	if w != os.Stdout {
		return
	}
	in := bufio.NewReader(os.Stdin)
	for {
		if prof != nil {
			prof.WriteTo(os.Stdout, debug)
		}
		os.Stdout.WriteString("\\ngospy: look\\n")
		if line, err := in.ReadString('\\n'); err != nil || line == "end\\n" {
			os.Exit(0)
		}
	}
}
"""


# Writes its own profile, as often as it is asked, to the file and in the form that are named.
LABELLED = """package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime/pprof"
)

func receive() { <-make(chan *int) }

func send() { make(chan *int) <- nil }

func leak(n int, f func(), labels ...string) {
	for i := 0; i < n; i++ {
		go pprof.Do(context.Background(), pprof.Labels(labels...), func(context.Context) { f() })
	}
}

func main() {
	leak(3, receive, "job", "import", "user", "ann")
	leak(2, receive, "job", "export")
	leak(4, send, "verdict", "guilty")
	for i := 0; i < 5; i++ {
		go receive()
	}
	for in := bufio.NewReader(os.Stdin); ; {
		var debug int
		var path string
		if _, err := fmt.Fscanln(in, &debug, &path); err != nil {
			return
		}
		f, _ := os.Create(path)
		pprof.Lookup("goroutineleak").WriteTo(f, debug)
		f.Close()
		fmt.Println("written")
	}
}
"""


def toolchains():
    """Minor versions and where they are, of those that the fixtures were built with."""
    found = {}
    for entry in lib_fixture.manifest()["versions"]:
        minor = re.match(r"1\.(\d+)", entry["version"])
        if minor and os.path.isdir(entry.get("goroot") or ""):
            found[int(minor[1])] = entry["goroot"]
    return found


def build(minor, goroot, source, place):
    """The programs of a directory as one, or None."""
    shutil.copytree(source, place, ignore=lambda _, names: [n for n in names
                                                            if not n.endswith(".go")])
    for name in os.listdir(place):
        path = os.path.join(place, name)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("prof.WriteTo(", "gospyLook(prof, "))
    with open(os.path.join(place, "gospy_look.go"), "w", encoding="utf-8") as f:
        f.write(LOOK)
    with open(os.path.join(place, "go.mod"), "w", encoding="utf-8") as f:
        f.write(f"module leaks\n\ngo 1.{minor}\n")
    program = os.path.join(place, "program")
    cache = os.path.join(lib_fixture.DIRECTORY, "cache", "build")
    cache = cache if os.access(cache, os.W_OK) else os.path.join(place, "cache")
    env = {**os.environ, "GOROOT": goroot, "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOENV": "off",
           "GO111MODULE": "on", "CGO_ENABLED": "0", "GOCACHE": cache}
    built = subprocess.run([os.path.join(goroot, "bin", "go"), "build", "-o", program, "."],
                           cwd=place, env=env, capture_output=True, text=True, check=False)
    return program if built.returncode == 0 else None


class Program:
    """One of them, which waits to be looked at."""

    def __init__(self, path, name):
        self.process = subprocess.Popen([path, name], stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.leaked = self.profile()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def profile(self):
        """The goroutines that the program's own profile calls leaked; None: it has ended."""
        leaked = set()
        for line in self.process.stdout:
            if line == "gospy: look\n":
                return leaked
            header = re.match(r"goroutine (\d+) .*\[[^\]]*\(leaked\)", line)
            if header:
                leaked.add(int(header[1]))
        return None

    def again(self):
        self.process.stdin.write("again\n")
        self.process.stdin.flush()
        self.leaked = self.profile()
        return self.leaked


def names(source):
    found = []
    for name in sorted(os.listdir(source)):
        if name.endswith(".go"):
            with open(os.path.join(source, name), encoding="utf-8") as f:
                found += re.findall(r'^\tregister\("(\w+)"', f.read(), re.M)
    return [name for name in found if name not in RESTLESS]


def leaks(pid):
    return lib_gospy.run("leaks", pid, "--json", "--max-pause", f"{lib_gospy.HANG}s").expect(
        lib_gospy.OK).json()


def expected(runtime):
    """Of each program the leaks that happen each time, as Go's own test says."""
    with open(os.path.join(runtime, "goroutineleakprofile_test.go"), encoding="utf-8") as f:
        text = f.read()
    text = re.sub(r"^\s*//.*$", "", text, flags=re.M)
    found = {}
    for name, patterns in re.findall(r'makeTest\("(\w+)",?(.*?)\n?\t*\),\n', text, re.S):
        found[name] = re.findall(r"`([^`]*)`", patterns)
    return found


def signatures(found):
    """What Go's test calls leaks: the outermost function and the reason."""
    for group in found["groups"]:
        if group.get("stack"):
            func = re.sub(r"^main\.", "", group["stack"][-1]["func"])
            yield f"{func}() [{group['wait_reason']}]"


def reasons_of_any_version(pattern):
    return re.sub(r"\\\[(sync\\\.[^\]]*)\\\]", r"\\[(\1|semacquire|sync\\.Mutex\\.Lock)\\]", pattern)


@lib_gospy.on_processes_only
class GoTest(lib_gospy.TargetTest):
    @classmethod
    def setUpClass(cls):
        cls.found = toolchains()
        newest = max(cls.found, default=0)
        if newest < FIRST:
            raise unittest.SkipTest(f"no Go 1.{FIRST} is at hand")
        cls.runtime = os.path.join(cls.found[newest], "src", "runtime")
        cls.newest = newest
        base = os.path.join(cls.runtime, "testdata", PROGRAMS)
        cls.sources = [base, os.path.join(base, "goker")]

    def build(self, minor, source):
        place = tempfile.TemporaryDirectory(prefix="gospy-leaks-")
        self.addCleanup(place.cleanup)
        return build(minor, self.found[minor], source, os.path.join(place.name, "src"))

    def compare(self, path, name):
        """Until nothing changes from one profile to the next: what gospy says in between is that. Returns how
        many there are, or None."""
        deadline = time.monotonic() + PATIENCE
        with Program(path, name) as program:
            before = program.leaked
            while before is not None and time.monotonic() < deadline:
                found = leaks(program.process.pid)
                after = program.again()
                if after == before:
                    mine = {goid for group in found["groups"] for goid in group["goids"]}
                    self.assertEqual(mine - after, set(), f"{name}: besides those of the profile")
                    self.assertEqual(after - mine, set(), f"{name}: missing")
                    return len(mine), found["proved"]
                before = after
        return None

    def test_against_the_profile(self):
        looked = total = proved = 0
        for source in self.sources:
            path = self.build(self.newest, source)
            self.assertIsNotNone(path, f"{source} does not compile")
            for name in names(source):
                with self.subTest(program=name):
                    result = self.compare(path, name)
                    if result is None:
                        print(f"{name} does not come to rest, or ends")
                        continue
                    looked += 1
                    total += result[0]
                    proved += result[1]
        print(f"{looked} programs, {total} leaked goroutines, {proved} of them proved")
        self.assertGreater(looked, 50)

    def test_the_profile_itself(self):
        """Ours is what the program writes, as bytes and as text, labels included."""
        with tempfile.TemporaryDirectory(prefix="gospy-leaks-") as place:
            source = os.path.join(place, "labelled")
            os.mkdir(source)
            with open(os.path.join(source, "main.go"), "w", encoding="utf-8") as f:
                f.write(LABELLED)
            path = build(self.newest, self.found[self.newest], source, os.path.join(place, "src"))
            self.assertIsNotNone(path)
            with subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True) as program:
                self.addCleanup(program.kill)
                for debug in (0, 1):
                    self.profile_alike(program, debug, os.path.join(place, "own"),
                                       os.path.join(place, "ours"))
                program.stdin.close()

    def profile_alike(self, program, debug, own, ours):
        def all_have_come():
            """The goroutines wait where they wait for ever, when the program says so."""
            program.stdin.write(f"{debug} {own}\n")
            program.stdin.flush()
            self.assertEqual(program.stdout.readline(), "written\n")
            if debug:
                with open(own, encoding="utf-8") as f:
                    return "total 14" in f.read()
            samples = lib_pprof.Profile(lib_pprof.read(own)).samples
            return samples if sum(sample[0][0] for sample in samples) == 14 else None
        lib_gospy.wait_for(all_have_come, "14 leaked goroutines")
        lib_gospy.run("pprof", "goroutineleak", program.pid, "-o", ours, "--debug", debug,
                      "--max-pause", f"{lib_gospy.HANG}s").expect(lib_gospy.OK)
        if debug:
            with open(own, encoding="utf-8") as f, open(ours, encoding="utf-8") as g:
                self.assertEqual(g.read(), f.read())
        else:
            self.assertEqual(lib_pprof.without_times(lib_pprof.read(ours)),
                             lib_pprof.without_times(lib_pprof.read(own)))

    def search(self, path, name, patterns):
        """What is missing of the leaks that happen each time."""
        deadline = time.monotonic() + PATIENCE
        missing = list(patterns)
        with Program(path, name) as program:
            while program.leaked is not None and missing and time.monotonic() < deadline:
                said = list(signatures(leaks(program.process.pid)))
                missing = [p for p in missing
                           if not any(re.search(reasons_of_any_version(p), s) for s in said)]
        return missing

    @unittest.skipUnless(OLDER, "GOSPY_LEAKS_OLDER is not set")
    def test_older_versions(self):
        wanted = expected(self.runtime)
        for minor in sorted(m for m in self.found if OLDEST <= m < FIRST):
            found = count = 0
            gone = []
            for source in self.sources:
                path = self.build(minor, source)
                for name in names(source) if path else ():
                    missing = self.search(path, name, wanted.get(name, []))
                    count += len(wanted.get(name, []))
                    found += len(wanted.get(name, [])) - len(missing)
                    gone += [f"{name}: {pattern}" for pattern in missing]
            print(json.dumps({"go": f"1.{minor}", "found": found, "of": count, "missing": gone}))
            # One is called otherwise where it is inlined into a wrapper.
            self.assertLessEqual(len(gone), 1, gone)


if __name__ == "__main__":
    lib_gospy.main()
