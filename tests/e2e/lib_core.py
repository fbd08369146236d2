"""Cores of fixtures: written by the kernel, by gcore of gdb and by delve; compressed, and cut off.

Each is in a directory of its own, which goes with the test. A core of a Go program is large and has
little in it: it is kept with its holes."""
import gzip
import lzma
import os
import resource
import shutil
import signal
import struct
import subprocess
import tempfile
import unittest

import lib_fixture
import lib_gospy

# What /proc/PID/coredump_filter says by default, and with private mappings of files: of these there
# is one page each by default, so that the program itself is not in the core.
DEFAULT, COMPLETE = "0x33", "0x37"

# gcore writes out, as zeros, what the runtime has reserved.
ROOM_FOR_GCORE = 4 << 30

CHUNK = 1 << 20


def directory(test):
    """A directory that goes with the test."""
    made = tempfile.TemporaryDirectory(prefix="gospy-core-")
    test.addCleanup(made.cleanup)
    return made.name


def need_kernel_cores():
    """Skip the test where the kernel gives cores to a program, or puts them where others are."""
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as f:
        pattern = f.read().strip()
    if pattern.startswith("|") or "/" in pattern or not pattern:
        raise unittest.SkipTest(f"/proc/sys/kernel/core_pattern is '{pattern}'")


def allow_core(pid, mapped):
    """Let a process have a core, with these mappings in it."""
    try:
        resource.prlimit(pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
    except (PermissionError, ValueError) as error:
        raise unittest.SkipTest(f"cores are limited: {error}") from error
    with open(f"/proc/{pid}/coredump_filter", "w", encoding="ascii") as f:
        f.write(mapped)


def only_core(place):
    """The path of the one core in a directory."""
    found = []
    for entry in os.scandir(place):
        with open(entry.path, "rb") as f:
            if f.read(4) == b"\x7fELF":
                found.append(entry.path)
    if len(found) != 1:
        raise AssertionError(f"cores in {place}: {found}")
    return found[0]


class Mortal(lib_fixture.Fixture):
    """A fixture that is going to end with a core, in a directory of its own. Once it has, `core` is the
    path of that and `printed` what it said on standard error."""

    def __init__(self, test, build, *args, mapped=DEFAULT, env=None):
        need_kernel_cores()
        self.build = build
        self.core = self.printed = None
        self._place = directory(test)
        self._stderr = tempfile.TemporaryFile()
        test.addCleanup(self._stderr.close)
        super().__init__(build.path, *args, stderr=self._stderr, cwd=self._place,
                         env={"GOTRACEBACK": "crash", **(env or {})})
        test.addCleanup(self.close)
        test.addCleanup(self.process.kill)
        allow_core(self.pid, mapped)

    def die(self):
        """As -die says."""
        self.tell("die")
        return self._ended(signal.SIGABRT)

    def die_of(self, number):
        """A signal, of which the runtime says what it has to say."""
        os.kill(self.pid, number)
        return self._ended(signal.SIGABRT)

    def die_quietly(self):
        """In the midst of what it did, and without a word; it may be stopped."""
        answer = self.ask("mortal")
        if answer.get("errno") != 0:
            raise AssertionError(f"{self.build}: mortal: {answer}")
        return self.die_now()

    def die_now(self):
        """The rest of that, where it has been made mortal before."""
        os.kill(self.pid, signal.SIGQUIT)
        os.kill(self.pid, signal.SIGCONT)
        return self._ended(signal.SIGQUIT)

    def _ended(self, number):
        status = self.process.wait(timeout=lib_gospy.HANG)
        self._stderr.seek(0)
        self.printed = self._stderr.read().decode(errors="surrogateescape")
        if status != -number:
            raise AssertionError(f"{self.build} ended with {status}\n{self.printed[:2000]}")
        self.core = only_core(self._place)
        return self


SIGNALS = {"quit": signal.SIGQUIT, "abort-outside": signal.SIGABRT}


def crashed(test, build, mode, mapped=DEFAULT, env=None):
    """The fixture "crash" after it has died in this way: one of its own, or a signal."""
    number = SIGNALS.get(mode)
    mortal = Mortal(test, build, "-die", "signal" if number else mode, mapped=mapped, env=env)
    return mortal.die_of(number) if number else mortal.die()


def of_tool(test, command, words=""):
    """A core that a debugger writes of a process, which goes on. It gets the name of the file for
    CORE."""
    path = os.path.join(directory(test), "core")
    if not shutil.which(command[0]):
        raise unittest.SkipTest(f"no {command[0]}")
    if shutil.disk_usage(os.path.dirname(path)).free < ROOM_FOR_GCORE:
        raise unittest.SkipTest(f"less than {ROOM_FOR_GCORE} bytes free at {path}")
    run = subprocess.run([word.replace("CORE", path) for word in command],
                         input=words.replace("CORE", path), capture_output=True, text=True,
                         timeout=lib_gospy.HANG * 5, check=False)
    if not os.path.exists(path):
        raise unittest.SkipTest(f"{command[0]} wrote no core: {(run.stderr or run.stdout)[-500:]}")
    os.rename(path, f"{path}.whole")
    copy(f"{path}.whole", path)
    os.unlink(f"{path}.whole")
    return path


def gcore(test, pid):
    return of_tool(test, ["gdb", "-nx", "-batch", "-readnever", "-p", str(pid),
                          "-ex", "generate-core-file CORE", "-ex", "detach"])


def dlv_dump(test, pid):
    return of_tool(test, ["dlv", "attach", str(pid), "--allow-non-terminal-interactive"],
                   "dump CORE\nexit\nn\n")


def extents(f):
    """Offset and end of what is no hole in a file."""
    size = os.fstat(f.fileno()).st_size
    end = 0
    while end < size:
        try:
            start = os.lseek(f.fileno(), end, os.SEEK_DATA)
        except OSError:
            return  # ENXIO: a hole up to the end
        end = os.lseek(f.fileno(), start, os.SEEK_HOLE)
        yield start, end


def copy(source, target):
    """A copy in which pages of zeros are holes."""
    with open(source, "rb") as old, open(target, "wb") as new:
        for start, end in extents(old):
            for at in range(start, end, CHUNK):
                data = os.pread(old.fileno(), min(CHUNK, end - at), at)
                for page in range(0, len(data), 4096):
                    piece = data[page:page + 4096]
                    if piece.count(0) < len(piece):
                        os.pwrite(new.fileno(), piece, at + page)
        new.truncate(os.fstat(old.fileno()).st_size)
    return target


def by_python(module):
    def compress(source, target):
        with open(source, "rb") as old, module.open(target, "wb") as new:
            shutil.copyfileobj(old, new, CHUNK)
    return compress


def by_tool(tool, *options):
    def compress(source, target):
        if not shutil.which(tool):
            raise unittest.SkipTest(f"no {tool}")
        with open(source, "rb") as old, open(target, "wb") as new:
            subprocess.run([tool, *options, "-c"], stdin=old, stdout=new, check=True,
                           stderr=subprocess.DEVNULL)
    return compress


COMPRESSIONS = {
    "zst": by_tool("zstd", "-q"),
    "lz4": by_tool("lz4", "-q"),
    "xz": by_python(lzma),
    "gz": by_python(gzip),
}


def compress(test, core, how, name="core"):
    """A file of that name; what is in it tells how it is packed."""
    target = os.path.join(directory(test), name)
    COMPRESSIONS[how](core, target)
    return target


class Headers:
    """The program headers of a core, to be changed in place."""
    EHDR, PHDR = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
    TYPE, FLAGS, OFFSET, VADDR, PADDR, FILESZ, MEMSZ, ALIGN = range(8)
    LOAD, NOTE = 1, 4

    def __init__(self, path):
        self.file = open(path, "r+b", buffering=0)
        self.ehdr = list(self.EHDR.unpack(os.pread(self.file.fileno(), self.EHDR.size, 0)))
        self.start, self.count = self.ehdr[5], self.ehdr[10]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def read(self, i):
        at = self.start + i * self.PHDR.size
        return list(self.PHDR.unpack(os.pread(self.file.fileno(), self.PHDR.size, at)))

    def write(self, i, fields):
        at = self.start + i * self.PHDR.size
        os.pwrite(self.file.fileno(), self.PHDR.pack(*fields), at)

    def all(self):
        return [self.read(i) for i in range(self.count)]

    def append(self, more):
        """All headers, these too, behind the end. 65,535 and more are counted by a section header."""
        table = [self.PHDR.pack(*fields) for fields in self.all() + more]
        at = -(-os.path.getsize(self.file.name) // 4096) * 4096
        fields = list(self.ehdr)
        fields[5], fields[10] = at, min(len(table), 0xffff)
        if len(table) >= 0xffff:
            fields[6], fields[11], fields[12] = at + len(table) * self.PHDR.size, 64, 1
            table.append(bytes(44) + len(table).to_bytes(4, "little") + bytes(16))
        os.pwrite(self.file.fileno(), b"".join(table), at)
        self.write_ehdr(fields)

    def write_ehdr(self, fields):
        os.pwrite(self.file.fileno(), self.EHDR.pack(*fields), 0)
