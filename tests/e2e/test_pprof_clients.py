"""Profiles in the hands of programs that are not ours, from registries that may not be in reach:
github.com/google/pprof's own package, and speedscope."""
import base64
import glob
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import lib_browser
import lib_fixture
import lib_gospy

KINDS = ("goroutine", "heap", "allocs", "block", "mutex", "threadcreate")
SECONDS_TO_FETCH = 300

CHECK_VALID = """package main

import (
	"fmt"
	"os"

	"github.com/google/pprof/profile"
)

// Prints how many samples each file has.
func main() {
	for _, path := range os.Args[1:] {
		f, err := os.Open(path)
		if err != nil {
			panic(err)
		}
		p, err := profile.Parse(f)
		if err != nil {
			panic(err)
		}
		if err := p.CheckValid(); err != nil {
			panic(err)
		}
		fmt.Println(len(p.Sample))
	}
}
"""

# What it says of a file that it cannot read, it says in a box.
NO_BOXES = "window.complaint = ''; window.alert = text => { window.complaint = String(text) }"


def fetch(directory, *command):
    """Run what has to reach a registry; the test is skipped where that fails."""
    try:
        subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True,
                       timeout=SECONDS_TO_FETCH)
    except (OSError, subprocess.SubprocessError) as error:
        raise unittest.SkipTest(f"{' '.join(command)}: {error}") from error


class ClientsTest(lib_gospy.TargetTest):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        build = lib_gospy.builds("profiled", ("default",))[-1]
        self.fixture = self.watch(lib_fixture.start(build, "-collect"))

    def path(self, name):
        return os.path.join(self.directory, name)

    def profile(self, kind, form):
        """A file, and what gospy says of it."""
        path = self.path(f"{kind}.{form}")
        run = lib_gospy.whole("pprof", kind, self.fixture.pid, "--format", form, "-o", path, "--json")
        return path, run.json()

    def test_pprof(self):
        with open(self.path("main.go"), "w", encoding="utf-8") as f:
            f.write(CHECK_VALID)
        fetch(self.directory, "go", "mod", "init", "check")
        fetch(self.directory, "go", "get", "github.com/google/pprof/profile")
        fetch(self.directory, "go", "build", "-o", "check", ".")
        for kind in KINDS:
            with self.subTest(kind=kind):
                path, facts = self.profile(kind, "pprof")
                run = subprocess.run([self.path("check"), path], capture_output=True, text=True,
                                     check=False)
                self.assertEqual((run.returncode, run.stdout), (0, f"{facts['samples']}\n"), run.stderr)

    def speedscope(self, browser, page, path):
        """What the title of its page becomes with this file, or what it complains of."""
        with open(path, "rb") as f:
            data = base64.b64encode(f.read()).decode()
        script = self.path("profile.js")
        with open(script, "w", encoding="utf-8") as f:
            f.write(f"speedscope.loadFileFromBase64({json.dumps(os.path.basename(path))},"
                    f" {json.dumps(data)})")
        browser.open(f"file://{page}#localProfilePath={script}", first=NO_BOXES)

        def told():
            title = browser.evaluate("document.title")
            return browser.evaluate("window.complaint") or (title if " - " in title else "")
        return lib_gospy.wait_for(told, f"speedscope to open {path}")

    def test_speedscope(self):
        if not lib_browser.program():
            self.skipTest("there is no Chromium")
        fetch(self.directory, "npm", "pack", "speedscope")
        shutil.unpack_archive(glob.glob(self.path("speedscope-*.tgz"))[0], self.directory)
        page, = glob.glob(self.path("package/dist/release/index.html"))
        browser = lib_browser.Browser()
        self.addCleanup(browser.close)
        with open(self.path("none.txt"), "w", encoding="utf-8") as f:
            f.write("This is no profile.\n")
        self.assertNotIn(" - ", self.speedscope(browser, page, self.path("none.txt")))
        for kind in ("heap", "goroutine", "mutex"):
            for form in ("pprof", "folded", "speedscope"):
                with self.subTest(kind=kind, form=form):
                    path, _ = self.profile(kind, form)
                    name = (f"{kind} of profiled ({self.fixture.pid})" if form == "speedscope"
                            else os.path.basename(path))
                    self.assertEqual(self.speedscope(browser, page, path), f"{name} - speedscope")


if __name__ == "__main__":
    lib_gospy.main()
