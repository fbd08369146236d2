"""Reading profiles: github.com/google/pprof/proto/profile.proto, decoded without a library."""
import gzip
import re
import shutil
import subprocess

# Fields of Profile that say when it was made.
TIMES = (9, 10)


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """(number, value) of each field of a message: integers, or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
            if len(value) != length:
                raise ValueError("a field is cut off")
        else:
            raise ValueError(f"wire type {key & 7}")
        yield key >> 3, value


def message(data):
    """Fields of a message by number, each a list."""
    found = {}
    for number, value in fields(data):
        found.setdefault(number, []).append(value)
    return found


def numbers(values):
    """A repeated number, packed or not, signed."""
    found = []
    for value in values:
        if isinstance(value, int):
            found.append(value)
            continue
        at = 0
        while at < len(value):
            number, at = varint(value, at)
            found.append(number)
    return [n - (1 << 64) if n >> 63 else n for n in found]


def read(path):
    """The bytes of a profile, not compressed."""
    with gzip.open(path) as f:
        return f.read()


def without_times(data):
    """What makes two profiles the same: every field in its order, but for when it was made."""
    return [field for field in fields(data) if field[0] not in TIMES]


def go_pprof():
    """Why `go tool pprof` cannot be compared with; None: it can. Older ones print other heads."""
    if not shutil.which("go"):
        return "there is no go"
    version = subprocess.run(["go", "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"go1\.(\d+)", version)
    if not found or int(found[1]) < 24:
        return f"go is too old: {version.strip()}"
    run = subprocess.run(["go", "tool", "pprof", "-h"], capture_output=True, text=True, check=False)
    return None if "-top" in run.stdout + run.stderr else f"go tool pprof: {run.stderr[:200]}"


def go_tool_pprof(*args):
    """What it prints of files."""
    return subprocess.run(["go", "tool", "pprof", "-symbolize=none", *map(str, args)],
                          capture_output=True, text=True, check=True, timeout=120).stdout


def printed(name):
    """runtime.funcNameForPrint"""
    return re.sub(r"\[.*\]", "[...]", name)


class Profile:
    """A decoded profile; .samples are (values, frames, labels), frames innermost first."""

    def __init__(self, data):
        self.fields = message(data)
        self.strings = [s.decode(errors="surrogateescape") for s in self.fields[6]]
        self.types = [tuple(self.strings[message(t)[n][0]] for n in (1, 2))
                      for t in self.fields[1]]
        functions = {}
        for function in map(message, self.fields.get(5, ())):
            functions[function[1][0]] = tuple(self.strings[function.get(n, [0])[0]]
                                              for n in (2, 4))
        self.locations = {}
        for location in map(message, self.fields.get(4, ())):
            lines = [message(line) for line in location.get(4, ())]
            self.locations[location[1][0]] = [
                (*functions[line[1][0]], line.get(2, [0])[0]) for line in lines]
        self.samples = [self.sample(message(sample)) for sample in self.fields.get(2, ())]

    def sample(self, sample):
        labels = []
        for label in map(message, sample.get(3, ())):
            labels.append((self.strings[label.get(1, [0])[0]], self.strings[label.get(2, [0])[0]],
                           numbers(label.get(3, [0]))[0]))
        frames = [frame for location in numbers(sample.get(1, []))
                  for frame in self.locations[location]]
        return tuple(numbers(sample[2])), tuple(frames), tuple(sorted(labels))
