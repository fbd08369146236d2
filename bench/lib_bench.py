"""What the benches have in common: running gospy, bench/floor.c and bench/library.c, and printing
bars beside what was measured. They are not asserted."""
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tests", "e2e"))
import lib_fixture  # noqa: E402

GOSPY = os.path.join(TOP, "build", "release", "gospy")
FLOOR = os.path.join(TOP, "build", "release", "bench_floor")
LIBRARY = os.path.join(TOP, "build", "release", "bench_library")

TICKS = os.sysconf("SC_CLK_TCK")
G_SIZE = 440  # sizeof(runtime.g) of current versions; the floor hardly depends on it

# Bars of every acceptance.
STOP_PER_BARE_STOP = 2
STOP_NS_PER_ACTIVE = 1500
RSS_PER_GOROUTINE = 200


def newest(name):
    """The newest build of a fixture."""
    return lib_fixture.builds(name, variants=["default"])[-1]


def parked():
    """The newest build of the fixture that the targets are."""
    return newest("parked")


def print_machine(build):
    print(f"Go {build.version}, {os.cpu_count()} processors, kernel {os.uname().release}")


def floor(*args, stdin=None):
    """Output of bench/floor.c as a dict of numbers."""
    out = subprocess.run([FLOOR, *map(str, args)], check=True, capture_output=True, text=True,
                         input=stdin).stdout
    return {name: int(value) for name, value in (line.split() for line in out.splitlines())}


@contextlib.contextmanager
def copies(*programs):
    """Copies of programs beside each other, for a fair comparison: how a file lies in the page
    cache depends on how it was written, and a longer path moves the stack."""
    with tempfile.TemporaryDirectory(prefix="gospy-bench-") as directory:
        yield [shutil.copy(program, os.path.join(directory, str(i)))
               for i, program in enumerate(programs)]


def library(*args):
    """Output of bench/library.c: under each name the lists of numbers that it stands before."""
    out = subprocess.run([LIBRARY, *map(str, args)], check=True, capture_output=True,
                         text=True).stdout
    found = {}
    for line in out.splitlines():
        name, *values = line.split()
        found.setdefault(name, []).append([int(value) for value in values])
    return found


@contextlib.contextmanager
def processes(what, n, program=FLOOR):
    """While it lasts, n processes of bench/floor.c (`program`: a copy of it) are at work."""
    process = subprocess.Popen([program, what, str(n)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    try:
        if not process.stdout.readline():  # when all of them are there
            raise OSError(f"{n} {what} cannot be started")
        yield
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def hogs(n):
    """While it lasts, n processes compute, at the nice value and in the session of this one."""
    return processes("hogs", n)


def snapshot(command, pid, *options, gospy=GOSPY):
    """Figures of one snapshot. Only the head of the JSON is read: the rest follows line by line."""
    process = subprocess.Popen([gospy, command, str(pid), "--group", "--json=lines", *options],
                               stdout=subprocess.PIPE, text=True)
    head = json.loads(process.stdout.readline())
    process.communicate()
    return head["snapshot"]


def goroutines(pid):
    """Each goroutine of a summary, as it is read."""
    process = subprocess.Popen([GOSPY, "summary", str(pid), "--json=lines", "--system"],
                               stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    for line in process.stdout:
        yield json.loads(line)
    process.wait()


def ms(ns):
    return f"{ns / 1e6:.3f} ms" if ns < 1e8 else f"{ns / 1e6:.0f} ms"


def row(name, value, bar=None, ok=None):
    verdict = "" if ok is None else "  ok" if ok else "  OVER"
    print(f"  {name:<34}{value:>14}" + (f"   bar {bar}{verdict}" if bar else ""))


def print_start_up(command, build, rounds):
    """What a run costs before it first reads goroutines, however few there are: the program's own
    start, and resolving the target's executable. That is all of the run but the capture."""
    with lib_fixture.start(build, "-n", 1) as fixture:
        runs = [floor("run", GOSPY, command, fixture.pid, "--group") for _ in range(4 * rounds)]
        taken = [snapshot(command, fixture.pid) for _ in range(4 * rounds)]
    ns = (statistics.median(run["wall_ns"] for run in runs) -
          statistics.median(s["total_ns"] for s in taken))
    row("start-up: all before the capture", ms(ns))
    return ns


def print_stop(taken, bare_stop):
    """Of several snapshots the typical one, whose stop goes with its own number of active
    goroutines; the others may have met other ones."""
    typical = sorted(taken, key=lambda s: s["paused_ns"])[len(taken) // 2]
    stop, active = typical["paused_ns"], typical["active"]
    bar = STOP_PER_BARE_STOP * bare_stop + STOP_NS_PER_ACTIVE * active
    row("bare stop", ms(bare_stop))
    row("active goroutines", active)
    row("stop", ms(stop), ms(bar), stop <= bar)
    row("residue (moved), each round", " ".join(str(s["moved"]) for s in taken))


def print_growth(small, large):
    """What each further goroutine costs; the few MB that every run takes cancel out."""
    more = large["n"] - small["n"]
    rss = (large["rss"] - small["rss"]) / more
    print(f"\nfrom {small['n']} to {large['n']} goroutines")
    row("RSS for each more", f"{rss:.0f} B", f"{RSS_PER_GOROUTINE} B", rss <= RSS_PER_GOROUTINE)
    row("time for each more", f"{(large['wall'] - small['wall']) / more:.0f} ns")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def throughput(fixture, seconds):
    """What the target does in a second, and in a second of processor time that it gets."""
    before, begin, cpu = fixture.ask("count")["operations"], time.monotonic(), cpu_seconds(fixture.pid)
    time.sleep(seconds)
    done = fixture.ask("count")["operations"] - before
    return (done / (time.monotonic() - begin),
            done / max(cpu_seconds(fixture.pid) - cpu, 1 / TICKS))
