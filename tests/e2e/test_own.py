"""Whose code a goroutine is in: programs built from modules in different ways. Where each goroutine
waits, the program's own traceback says."""
import json
import os
import re
import subprocess
import tempfile
import unittest

import lib_fixture
import lib_gospy
from lib_gospy import OK, USAGE, run

# Each goroutine is named after the function that the test expects to be shown of it.
MAIN = """package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"runtime"
	"sync"

	"local.example/lib"
	"shop.example/app/cart"
	"third.example/dep"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go cart.Add(ctx)
	go lib.Work(dep.Wait)
	go dep.Start()
	var group sync.WaitGroup
	group.Add(1)
	go group.Wait()
	for i := 0; i < 1000; i++ {
		runtime.Gosched()
	}
	// Goroutines that have not come to their place yet do not wait.
	in := bufio.NewReader(os.Stdin)
	for {
		if _, err := in.ReadString('\\n'); err != nil {
			return
		}
		text := make([]byte, 1<<20)
		text = text[:runtime.Stack(text, true)]
		json.NewEncoder(os.Stdout).Encode(map[string]string{"traceback": string(text)})
	}
}
"""
CART = """package cart

import (
	"context"

	"third.example/dep"
)

func Add(ctx context.Context) {
	for ctx.Err() == nil {
		dep.Wait()
	}
}
"""
LIB = """package lib

func Work(f func()) {
	for {
		f()
	}
}
"""
DEP = """package dep

import "sync"

var lock sync.Mutex

func init() {
	lock.Lock()
}

func Wait() {
	lock.Lock()
}

func Start() {
	Wait()
}
"""
FILES = {
    "src/shop.example/app/cmd/app/main.go": MAIN,
    "src/shop.example/app/cart/cart.go": CART,
    "src/shop.example/app/go.mod": "module shop.example/app\n\ngo 1.12\n\n"
                                   "require (\n\tlocal.example/lib v0.0.0\n"
                                   "\tthird.example/dep v1.0.0\n)\n\n"
                                   "replace local.example/lib => ../../local.example/lib\n",
    "src/shop.example/app/vendor/modules.txt": "# local.example/lib v0.0.0 => "
                                               "../../local.example/lib\n## explicit\n"
                                               "local.example/lib\n# third.example/dep v1.0.0\n"
                                               "## explicit\nthird.example/dep\n"
                                               "# local.example/lib => "
                                               "../../local.example/lib\n",
    "src/shop.example/app/vendor/local.example/lib/lib.go": LIB,
    "src/shop.example/app/vendor/third.example/dep/dep.go": DEP,
    "src/local.example/lib/lib.go": LIB,
    "src/local.example/lib/go.mod": "module local.example/lib\n",
}

# Of Go versions that differ in what they write: function tables and build information.
MINORS = (12, 18, 26, 27)
# Ways to build, and the first minor version that has them. Modules: as GO111MODULE.
WAYS = {
    "modules": (12, "on", ("-mod=vendor",)),
    "trimmed": (13, "on", ("-mod=vendor", "-trimpath")),
    "stripped": (13, "on", ("-mod=vendor", "-trimpath", "-ldflags=-s -w")),
    "gopath": (12, "off", ()),
    "trimmed gopath": (13, "off", ("-trimpath", "-ldflags=-s -w")),
}


def goroots():
    """Of one toolchain for each minor version that is there."""
    for version in lib_fixture.manifest()["versions"]:
        root = version.get("goroot")
        minor = root and int(version["version"].split(".")[1])
        if root and minor in MINORS and os.path.exists(os.path.join(root, "bin", "go")):
            yield minor, root


def build(directory, root, way):
    _, modules, flags = WAYS[way]
    path = os.path.join(directory, "app")
    environment = {**os.environ, "GOROOT": root, "GOPATH": directory, "GO111MODULE": modules,
                   "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOPROXY": "off", "GOWORK": "off",
                   "GOCACHE": os.path.join(lib_fixture.DIRECTORY, "cache", "build"),
                   "CGO_ENABLED": "0"}
    subprocess.run([os.path.join(root, "bin", "go"), "build", *flags, "-o", path, "./cmd/app"],
                   cwd=os.path.join(directory, "src/shop.example/app"), env=environment,
                   check=True, timeout=600)
    return path


class Target:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid

    def goroutines(self):
        """By its own traceback, once all wait where they will stay."""
        while True:
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
            text = json.loads(self.process.stdout.readline())["traceback"]
            found = {g["goid"]: g for g in lib_fixture.parse_traceback(text)}
            others = [g for g in found.values() if g["status"] != "running"]
            if len(others) == 4 and all(g["status"] == "waiting" for g in others):
                return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()


def first(frames, *prefixes):
    """The innermost call of these packages. Vendored ones without modules have longer names."""
    for frame in frames:
        if frame["func"].split("/vendor/")[-1].startswith(prefixes):
            return frame
    return None


class OwnTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        for name, text in FILES.items():
            path = os.path.join(cls.directory.name, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        cls.roots = list(goroots())
        if not cls.roots:
            raise unittest.SkipTest("left out: no go command")

    def each(self, check):
        for minor, root in self.roots:
            for way, (since, modules, _) in WAYS.items():
                if minor < since:
                    continue
                with self.subTest(go=f"1.{minor}", way=way):
                    path = build(self.directory.name, root, way)
                    with Target(path) as target:
                        # With vendored modules Go 1.12 writes an empty name of what is replaced.
                        check(target, target.goroutines(), modules == "on" and minor > 12)

    def check(self, shown, said, own):
        """`own`: the packages that are the user's."""
        self.assertEqual(set(shown), set(said))
        for goid, g in said.items():
            mine = first(g["frames"], *own)
            expected = mine or first(g["frames"], "third.", "local.")
            user = shown[goid].get("user")
            # The one that has printed the traceback has gone on.
            keys = ("func", "file", *(["line"] if g["status"] == "waiting" else []))
            self.assertEqual(user and {key: user[key] for key in keys},
                             expected and {key: expected[key] for key in keys}, g)
            self.assertEqual(shown[goid].get("user_origin"),
                             expected and ("own" if mine else "dependency"))

    def test_user_frame(self):
        self.each(self.check_user_frame)

    def check_user_frame(self, target, said, modules):
        # A module that was replaced by a directory is developed together with the program. That is
        # written nowhere but in build information.
        own = ("main.", "shop.example/app", *(["local.example/lib"] if modules else []))
        shown = lib_gospy.summary(target.pid)["goroutines"]
        self.check({g["goid"]: g for g in shown}, said, own)
        shown = lib_gospy.summary(target.pid, "--own", "local.example/lib,third.example")
        self.check({g["goid"]: g for g in shown["goroutines"]}, said,
                   (*own, "local.example/lib", "third.example/dep"))
        self.check_origins(target, modules)
        self.check_colours(target)

    def check_colours(self, target):
        """Lines of own calls are bold, and nothing but colours is added."""
        own = {frame["func"] for g in run("stack", target.pid, "--json").json()["goroutines"]
               for frame in g["frames"] if frame["origin"] == "own"}
        plain = run("stack", target.pid, "--goid", "1", "--no-args").expect(OK).out
        self.assertNotIn("\033", plain)
        coloured = run("stack", target.pid, "--goid", "1", "--no-args", "--color", "always",
                       env={"TERM": "xterm-256color", "COLORFGBG": "15;0"}).expect(OK).out
        self.assertEqual(re.sub(r"\033\[[0-9;]*m", "", coloured), plain)
        calls = re.findall(r"^(\033\S*?m)?([^\s()]\S*)\(\.\.\.\)(\033\[0m)?\n"
                           r"\t(\033\S*?m)?\S+:\d+.*?(\033\[0m)?$", coloured, re.M)
        self.assertIn("main.main", [func for _, func, *_ in calls])
        for begin, func, end, begin_file, end_file in calls:
            self.assertEqual(begin == "\033[1m", func in own, func)
            self.assertEqual((begin, end), (begin_file, end_file))
            self.assertEqual(bool(begin), bool(end))

    def check_origins(self, target, modules):
        origins = {}
        for g in run("stack", target.pid, "--json").expect(OK).json()["goroutines"]:
            for frame in g["frames"]:
                origins[frame["func"].split("/vendor/")[-1]] = frame["origin"]
        self.assertEqual(origins.pop("main.main"), "own")
        self.assertEqual(origins.pop("shop.example/app/cart.Add"), "own")
        self.assertEqual(origins.pop("local.example/lib.Work"), "own" if modules else "dependency")
        self.assertEqual(origins.pop("third.example/dep.Wait"), "dependency")
        self.assertEqual(origins.pop("third.example/dep.Start"), "dependency")
        self.assertIn("sync.(*WaitGroup).Wait", origins)
        for func, origin in origins.items():
            runtime = func.startswith(("runtime.", "sync.runtime_", "internal/sync.runtime_",
                                       "internal/poll.runtime_"))
            self.assertEqual(origin, "runtime" if runtime else "standard", func)

    def test_usage(self):
        for option in ("", "a,,b", ","):
            run("summary", os.getpid(), "--own", option).expect(USAGE)


if __name__ == "__main__":
    unittest.main()
