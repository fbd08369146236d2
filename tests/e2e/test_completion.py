"""The scripts for shells, in those shells. What they must offer is taken from the help."""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import lib_fixture
import lib_gospy
from lib_gospy import OK, USAGE, run


def commands():
    """Each command, and its options in the help."""
    names = re.findall(r"^  ([\w-]+) ", run("help").out.split("Commands:")[1].split("\n\n")[0], re.M)
    return {name: set(re.findall(r"^ *(?:-\w, )?(--[\w-]+)", run("help", name).out, re.M))
            for name in names}


class ShellTest(lib_gospy.TargetTest):
    """A directory with the scripts in it, and gospy under that name in the PATH."""

    def setUp(self):
        if not shutil.which(self.shell):
            self.skipTest(f"no {self.shell} here")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        os.symlink(lib_gospy.GOSPY, os.path.join(self.directory, "gospy"))
        self.script = os.path.join(self.directory, "_gospy")
        with open(self.script, "w", encoding="utf-8") as f:
            f.write(run("completion", self.shell).expect(OK).out)
        self.env = {**os.environ, "PATH": f"{self.directory}:{os.environ['PATH']}",
                    "TERM": "dumb", "HOME": self.directory, "LC_ALL": "C.UTF-8"}
        subprocess.run([self.shell, "-n", self.script], check=True)

    def fixture(self):
        return self.watch(lib_fixture.start(lib_gospy.builds("states")[-1]))

    def start_stray(self, path):
        """Run a fixture until the end of the test as a child of another process, most often the
        first."""
        theirs, ours = os.pipe()
        self.addCleanup(os.close, ours)
        subprocess.run(["sh", "-c", f'"$0" <&{theirs} >/dev/null &', path], check=True,
                       pass_fds=[theirs])
        os.close(theirs)

    def check(self, candidates):
        """What `candidates`, which gets a command line, must return for some."""
        known = commands()
        self.assertLessEqual(set(known), candidates("gospy "))
        self.assertEqual(candidates("gospy sum"), {"summary"})
        for command, options in known.items():
            # fish offers --json= besides.
            offered = {option.rstrip("=") for option in candidates(f"gospy {command} --")}
            self.assertEqual(offered, options, command)
        self.assertEqual(candidates("gospy summary --pc "), {"start", "caller", "current", "user"})
        self.assertEqual(candidates("gospy s --pc c"), {"caller", "current"})
        self.assertEqual(candidates("gospy stack --state r"), {"running", "runnable"})
        self.assertEqual(candidates("gospy list --color a"), {"auto", "always"})
        self.assertEqual(candidates("gospy completion z"), {"zsh"})
        self.assertEqual(candidates("gospy help doc"), {"doctor"})
        self.assertEqual(candidates("gospy summary --min-wait "), set())
        pid = str(self.fixture().pid)
        for line in ("gospy ", "gospy summary ", "gospy stack --group ", "gospy -p ",
                     "gospy doctor --pid ", "gospy setgc ", "gospy list "):
            self.assertIn(pid, candidates(line), line)
        # Their names, too, but as a value of --pid; and none that a shell would take for more.
        for line in ("gospy stat", "gospy stack stat", "gospy stack --group stat"):
            self.assertIn("states", candidates(line), line)
        self.assertNotIn("states", candidates("gospy --pid stat"))
        with tempfile.TemporaryDirectory() as directory:
            for name in ("$(touch x)", "stat*", "stat;x", "4711x"):
                path = os.path.join(directory, name)
                shutil.copy(lib_gospy.builds("states")[-1].path, path)
                self.watch(lib_fixture.Fixture(path))
            offered = candidates("gospy stack ")
            self.assertIn("4711x", offered)
            # The numbers of parents are padded to one width.
            self.start_stray(shutil.copy(path, os.path.join(directory, "stray")))
            lib_gospy.wait_for(lambda: "stray" in candidates("gospy stack "), "the stray one")
            self.assertFalse({"$(touch", "x)", "stat;x", "$(touch x)"} & offered)
            self.assertFalse(os.path.exists(os.path.join(self.directory, "x")))
        self.assertEqual(candidates(f"gospy setgc {pid} o"), {"off"})
        # The word is the option's, not a command.
        for line in (f"gospy -p {pid} sum", f"gospy --pid={pid} sum", f"gospy --pid {pid} sum",
                     "gospy --color auto sum", "gospy --color=auto sum"):
            self.assertEqual(candidates(line), {"summary"}, line)
        for process in (pid, "states", ":8080"):
            self.assertIn("--color", candidates(f"gospy {process} --col"))

    def type(self, start, keys, prompt=b"READY> "):
        """Type into the shell as a person does; what gospy was called with in the end."""
        called = os.path.join(self.directory, "called")
        pid, terminal = pty.fork()
        if not pid:
            os.chdir(self.directory)
            os.execvpe(self.shell, [self.shell, *self.plain], {**self.env, "CALLED": called})
        try:
            setup = "; ".join([
                'gospy() { if [ "$1" = list ]; then command gospy "$@"; '
                'else echo "$@" >"$CALLED.new"; mv "$CALLED.new" "$CALLED"; fi; }',
                *start, "PS1='READY'; PS1=\"$PS1> \""])
            os.write(terminal, setup.encode() + b"\n")
            self.read_until(terminal, prompt)
            os.write(terminal, keys.encode())
            self.drain_until(terminal, lambda: os.path.exists(called))
            with open(called, encoding="utf-8") as f:
                return f.read().split()
        finally:
            os.kill(pid, signal.SIGKILL)
            os.close(terminal)
            os.waitpid(pid, 0)
            if os.path.exists(called):
                os.unlink(called)

    def read_until(self, terminal, text):
        seen = b""
        deadline = time.monotonic() + lib_gospy.HANG
        while text not in seen:
            if not select.select([terminal], [], [], deadline - time.monotonic())[0]:
                self.fail(f"no {text} in {seen}")
            seen += os.read(terminal, 4096)

    def drain_until(self, terminal, condition):
        """A shell waits until what it prints is read."""
        def look():
            if select.select([terminal], [], [], 0.01)[0]:
                os.read(terminal, 4096)
            return condition()
        lib_gospy.wait_for(look, "the command")


class BashTest(ShellTest):
    shell = "bash"
    plain = ("--norc", "--noprofile", "-i")

    def candidates(self, line):
        """As bash splits it: at "=", too."""
        words = [w for w in re.split(r" +|(=)", line) if w]
        if line.endswith(" "):
            words.append("")
        code = ('source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
                '_gospy gospy "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"; '
                'printf "%s\\n" "${COMPREPLY[@]}"')
        out = subprocess.run(["bash", "-c", code, self.script, *words], env=self.env, check=True,
                             cwd=self.directory, capture_output=True, text=True)
        self.assertEqual(out.stderr, "")
        return set(out.stdout.split())

    def test_registered(self):
        out = subprocess.run(["bash", "-c", 'source "$0"; complete -p gospy', self.script],
                             check=True, capture_output=True, text=True).stdout
        self.assertEqual(out, "complete -F _gospy gospy\n")

    def test_candidates(self):
        self.check(self.candidates)
        self.assertEqual(self.candidates("gospy list --json="), {"object", "lines"})
        self.assertEqual(self.candidates("gospy list --json=l"), {"lines"})
        self.assertEqual(self.candidates("gospy summary --pc=s"), {"start"})
        self.assertEqual(self.candidates("gospy trace -o _"), {"_gospy"})
        self.assertEqual(self.candidates("gospy 1 --samp"), set())
        self.assertEqual(self.candidates("gospy 1 --col"), {"--color"})

    def test_typed(self):
        start = ["source ./_gospy"]
        self.assertEqual(self.type(start, "gospy summ\t--json=li\t --pc cur\t\n"),
                         ["summary", "--json=lines", "--pc", "current"])
        self.assertEqual(self.type(start, "gospy trace -o _gos\t\n"), ["trace", "-o", "_gospy"])
        pid = str(self.fixture().pid)
        self.assertEqual(self.type(start, f"gospy stack {pid}\t\n"), ["stack", pid])


class ZshTest(ShellTest):
    shell = "zsh"
    plain = ("-f", "-i")

    def test_typed(self):
        start = ["fpath=($PWD $fpath)", "autoload -Uz compinit", "compinit -u -d ./dump"]
        # Names of processes are offered as well: of Go's own tools, compile may be running.
        for keys, expected in (
                ("gospy summ\t--js\t=li\t --pc cur\t\n",
                 ["summary", "--json=lines", "--pc", "current"]),
                ("gospy --no-c\tsum\t--gro\t\n", ["--no-color", "summary", "--group"]),
                ("gospy ver\t--age\t\n", ["version", "--agent"]),
                ("gospy trace --out\t_gos\t\n", ["trace", "--output=_gospy"]),
                ("gospy trace -o _gos\t\n", ["trace", "-o", "_gospy"]),
                # Go's compiler may be at work.
                ("gospy compl\tzs\t\n", ["completion", "zsh"]),
                ("gospy help doc\t\n", ["help", "doctor"])):
            with self.subTest(keys=keys):
                self.assertEqual(self.type(start, keys), expected)
        pid = str(self.fixture().pid)
        for command in ("stack", "setgc", "stack --group"):
            # All but the last digit: there may be others that begin so.
            typed = self.type(start, f"gospy {command} {pid}\t\n")
            self.assertEqual(typed, [*command.split(), pid])

    def test_candidates(self):
        """All of them, as zsh lists them."""
        self.check(lambda line: set(self.listed(line)))

    def listed(self, line):
        """What the functions of zsh would offer: in the place of compadd, which takes it, stands a
        function that writes it down."""
        hits = os.path.join(self.directory, "hits")
        capture = ("compadd() { if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then "
                   "builtin compadd \"$@\"; return; fi; "
                   "local -a hits; builtin compadd -A hits \"$@\"; print -l -- $hits >>./hits }")
        start = ["fpath=($PWD $fpath)", "autoload -Uz compinit", "compinit -u -d ./dump", capture,
                 ": >./hits"]
        self.type(start, f"{line}\t\x15gospy end\n")
        with open(hits, encoding="utf-8") as f:
            return f.read().split()


class FishTest(ShellTest):
    shell = "fish"

    def candidates(self, line):
        out = subprocess.run(["fish", "--no-config", "-c", 'source $argv[1]; complete -C "$argv[2]"',
                              self.script, line], env=self.env, check=True, cwd=self.directory,
                             capture_output=True, text=True)
        self.assertEqual(out.stderr, "")
        return {row.split("\t")[0] for row in out.stdout.splitlines()}

    def test_candidates(self):
        self.check(self.candidates)
        self.assertEqual(self.candidates("gospy list --json=l"), {"--json=lines"})
        self.assertEqual(self.candidates("gospy summary --pc=s"), {"--pc=start"})
        self.assertEqual(self.candidates("gospy trace -o _"), {"_gospy"})


class CommandTest(unittest.TestCase):
    def test_usage(self):
        for args in ((), ("csh",)):
            self.assertIn("bash, zsh or fish", run("completion", *args).expect(USAGE).err)


# It is there to be derived from.
del ShellTest

if __name__ == "__main__":
    lib_gospy.main()
