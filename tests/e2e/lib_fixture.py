"""Starting the programs of fixtures/ and talking to them. What they say is described in
fixtures/fixture/fixture.go, where they are built in fixtures/build."""
import collections
import json
import os
import re
import select
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DIRECTORY = os.path.abspath(
    os.environ.get("GOSPY_FIXTURES", os.path.join(TOP, "build", "fixtures")))

# Far above anything seen, even for a million goroutines on a slow machine.
PATIENCE = 120

# Settings that would change what a Go program says or does.
GO_SETTINGS = ("GODEBUG", "GOGC", "GOMEMLIMIT", "GOTRACEBACK")


class Build(collections.namedtuple("Build", "version variant name path")):
    """One fixture, built by one Go version in one variant; C programs have the version "none"."""

    def __str__(self):
        return f"{self.name} (Go {self.version}, {self.variant})"

    @property
    def minor(self):
        return int(re.match(r"1\.(\d+)", self.version)[1])


def manifest():
    """What fixtures/build has made, and what it has left out and why."""
    with open(os.path.join(DIRECTORY, "manifest.json"), encoding="utf-8") as f:
        return json.load(f)


def builds(name, variants=None):
    """The builds of a fixture, oldest Go first, of these variants or of all that it can run as."""
    found = []
    for entry in manifest()["versions"]:
        for variant, names in entry["fixtures"].items():
            if name in names and (variant in variants if variants else variant != "386"):
                path = os.path.join(DIRECTORY, entry["version"], variant, name)
                found.append(Build(entry["version"], variant, name, path))
    return found


class Fixture:
    """A running fixture."""

    def __init__(self, path, *args, env=None, stderr=None, cwd=None):
        environment = {k: v for k, v in os.environ.items() if k not in GO_SETTINGS}
        environment.update(env or {})
        self.process = subprocess.Popen([path, *(str(arg) for arg in args)], env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=stderr, cwd=cwd, bufsize=0)
        self.pid = self.process.pid
        self._unread = b""
        try:
            self.ready = self._answer()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, command):
        """Its answer to a command. After `exec` that is a new ready line."""
        self.tell(command)
        answer = self._answer()
        if answer.get("ready"):
            self.ready = answer
        return answer

    def tell(self, command):
        """Give it a command that it does not live to answer."""
        self.process.stdin.write(command.encode() + b"\n")

    def close(self):
        """End it: gently, unless it is stopped or hangs."""
        self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def _answer(self):
        answer = json.loads(self._line())
        self._wait_until_listening()
        return answer

    def _line(self):
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self._unread:
            if not select.select([self.process.stdout], [], [], deadline - time.monotonic())[0]:
                raise TimeoutError(f"{self.process.args}: no answer in {PATIENCE} s")
            chunk = os.read(self.process.stdout.fileno(), 1 << 20)
            if not chunk:
                raise EOFError(f"{self.process.args}: ended, status {self.process.wait()}")
            self._unread += chunk
        line, self._unread = self._unread.split(b"\n", 1)
        return line

    def _wait_until_listening(self):
        """The goroutine that has just answered is said to be in a system call, reading. Wait until
        it has come there, if the kernel lets us see it: read is system call 0, in 32 bits 3."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if any(call.startswith(("0 0x0 ", "3 0x0 ")) for call in self._system_calls()):
                    return
            except PermissionError:
                return
            time.sleep(0.0005)
        raise TimeoutError(f"{self.process.args}: no thread reads commands")

    def _system_calls(self):
        for tid in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{tid}/syscall", encoding="ascii") as f:
                    yield f.read()
            except (FileNotFoundError, ProcessLookupError):
                continue


def start(build, *args, **how):
    return Fixture(build.path, *args, **how)


HEADER = re.compile(r"goroutine (\d+) \[(.*?)\].*:$")
CREATED = re.compile(r"created by (.*?)(?: in goroutine (\d+))?$")
POSITION = re.compile(r"\t(.*):(\d+)(?: \+0x[0-9a-f]+)?$")
NOTES = re.compile(r" \((?:scan|durable|leaked)\)")


def parse_traceback(text):
    """The goroutines of a traceback in its order, as dicts. Frames, innermost first, and
    `created_by` (None if there is none) are dicts of func, file and line."""
    return [_parse_goroutine(block.split("\n")) for block in text.strip().split("\n\n")]


def _parse_goroutine(lines):
    goid, status = HEADER.match(lines[0]).groups()
    status, *rest = NOTES.sub("", status).split(", ")
    minutes = [int(note.split()[0]) for note in rest if note.endswith(" minutes")]
    frames, created_by = [], None
    # A function and its position are two lines; "...N frames elided..." is one.
    for line, position in zip(lines[1:], lines[2:]):
        place = POSITION.match(position)
        if line.startswith("\t") or not place:
            continue
        where = {"file": place[1], "line": int(place[2])}
        created = CREATED.match(line)
        if created:
            created_by = {"func": created[1], **where, "goid": int(created[2] or 0)}
        else:
            frames.append({"func": without_arguments(line), **where})
    return {
        "goid": int(goid),
        "status": status if status in STATUSES else "waiting",
        "reason": None if status in STATUSES else status,
        "minutes": minutes[0] if minutes else 0,
        "locked": "locked to thread" in rest,
        "frames": frames,
        "created_by": created_by,
    }


STATUSES = ("idle", "runnable", "running", "syscall", "dead", "copystack", "preempted")


def without_arguments(call):
    """`main.(*T).f(0x1, {0x2, 0x3})`: the arguments are what the last opening parenthesis begins."""
    return call[:call.rindex("(")]
