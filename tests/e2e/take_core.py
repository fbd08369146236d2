"""A core of a process that lives on, as the kernel would have written it, in a fraction of the time that
gcore takes: it stops all threads, writes the notes and what /proc/PID/mem has, and lets them go. So a
test that looks at a process can look at a core of it just as well, often.

The order of notes and what is left out follow fs/binfmt_elf.c and fs/coredump.c of Linux 6."""
import contextlib
import ctypes
import errno
import os
import re
import struct
import time

PAGE = 4096
EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
PT_LOAD, PT_NOTE = 1, 4
NT_PRSTATUS, NT_PRPSINFO, NT_AUXV, NT_FILE = 1, 3, 6, 0x46494c45
REGS = 27 * 8  # user_regs_struct

PTRACE_DETACH, PTRACE_GETREGSET, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4204, 0x4206, 0x4207
WALL = 0x40000000

HEAD = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (....) ([0-9a-f]+) \S+ (\d+) *(.*)$")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, tid, addr=None, data=None):
    if _libc.ptrace(request, tid, addr, data) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"ptrace {request:#x} of {tid}")


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


@contextlib.contextmanager
def stopped(pid):
    """The thread ids of a process, leader first, all of which stand still."""
    held = {}
    try:
        while True:
            new = [int(tid) for tid in os.listdir(f"/proc/{pid}/task") if int(tid) not in held]
            if not new:
                break
            for tid in new:
                hold(tid, held)
        yield sorted((tid for tid in held if held[tid] is not None), key=lambda tid: tid != pid)
    finally:
        for tid, number in held.items():
            if number is not None:
                ptrace(PTRACE_DETACH, tid, None, number)


def hold(tid, held):
    """Stop one thread. What it gets when it goes on, in `held`, is the signal that stopped it, or 0;
    None if it has ended."""
    held[tid] = None
    try:
        ptrace(PTRACE_SEIZE, tid)
        ptrace(PTRACE_INTERRUPT, tid)
    except OSError as error:
        if error.errno in (errno.ESRCH, errno.EPERM) and is_dead(tid):
            return
        raise
    status = os.waitpid(tid, WALL)[1]
    if os.WIFSTOPPED(status):
        held[tid] = 0 if status >> 16 else os.WSTOPSIG(status)


def is_dead(tid):
    try:
        with open(f"/proc/{tid}/stat", "rb") as f:
            return f.read().rsplit(b") ", 1)[1][:1] in b"ZX"
    except FileNotFoundError:
        return True


def registers(tid):
    buffer = ctypes.create_string_buffer(REGS)
    vector = Iovec(ctypes.cast(buffer, ctypes.c_void_p), REGS)
    ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, ctypes.addressof(vector))
    return buffer.raw


class Mapping:
    def __init__(self, head):
        start, end, self.perms, offset, inode, self.path = HEAD.match(head).groups()
        self.start, self.end, self.offset = int(start, 16), int(end, 16), int(offset, 16)
        self.of_file = inode != "0"
        self.private_kb = 0
        self.flags = ()

    def size(self, memory, mapped):
        """How much of it is in a core whose filter is `mapped`."""
        whole = self.end - self.start
        if self.path == "[vdso]":
            return whole
        if self.path == "[vsyscall]":
            return whole  # which cannot be read, and is zeros in the file
        if {"io", "dd"} & set(self.flags) or self.path.startswith("[vvar"):
            return 0
        if "s" in self.perms:
            return 0 if self.of_file else whole
        if self.private_kb:
            return whole
        if self.of_file and mapped & 4:
            return whole
        if self.of_file and mapped & 16 and self.offset == 0 and "r" in self.perms:
            if os.pread(memory, 4, self.start) == b"\x7fELF":
                return PAGE
        return 0


def mappings(pid):
    found = []
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="surrogateescape") as f:
        for line in f:
            if HEAD.match(line):
                found.append(Mapping(line.rstrip("\n")))
            elif line.startswith(("Anonymous:", "Swap:")):
                found[-1].private_kb += int(line.split()[1])
            elif line.startswith("VmFlags:"):
                found[-1].flags = line.split()[1:]
    return found


def note(kind, body, owner=b"CORE\0"):
    def padded(data):
        return data + bytes(-len(data) % 4)
    return struct.pack("<III", len(owner), len(body), kind) + padded(owner) + padded(body)


def prstatus(pid, tid):
    head = struct.pack("<iiihhQQiiii", 0, 0, 0, 0, 0, 0, 0, tid, os.getpid(), pid, pid)
    return head + bytes(64) + registers(tid) + bytes(8)


def prpsinfo(pid):
    with open(f"/proc/{pid}/comm", "rb") as f:
        comm = f.read().rstrip(b"\n")
    return struct.pack("<bbbbiQIIiiii16s80s", 0, ord("S"), 0, 0, 0, 0, 0, 0, pid, os.getpid(), pid,
                       pid, comm, b"")


def files(maps):
    named = [m for m in maps if m.of_file]
    table = struct.pack("<QQ", len(named), PAGE)
    table += b"".join(struct.pack("<QQQ", m.start, m.end, m.offset // PAGE) for m in named)
    return table + b"".join(os.fsencode(m.path) + b"\0" for m in named)


def notes(pid, tids, maps):
    with open(f"/proc/{pid}/auxv", "rb") as f:
        auxv = f.read()
    return b"".join([
        note(NT_PRSTATUS, prstatus(pid, tids[0])), note(NT_PRPSINFO, prpsinfo(pid)),
        note(NT_AUXV, auxv), note(NT_FILE, files(maps)),
        *(note(NT_PRSTATUS, prstatus(pid, tid)) for tid in tids[1:])])


def present(pagemap, start, size):
    """Of each page whether it is there; what is not was never touched, and reads as zeros."""
    entries = os.pread(pagemap, size // PAGE * 8, start // PAGE * 8)
    return [bits >> 62 != 0 for bits in struct.unpack(f"<{len(entries) // 8}Q", entries)]


def runs(flags):
    """First and end of each row of pages that are there."""
    first = None
    for i, there in enumerate(flags + [False]):
        if there and first is None:
            first = i
        elif not there and first is not None:
            yield first, i
            first = None


def take(pid, path, mapped=0x33):
    """Write a core of a process to a new file. Its time is that of the moment."""
    with contextlib.ExitStack() as open_files:
        core = open_files.enter_context(open(path, "xb", buffering=0)).fileno()
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
        open_files.callback(os.close, memory)
        pagemap = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY)
        open_files.callback(os.close, pagemap)
        tids = open_files.enter_context(stopped(pid))
        moment = time.time_ns()
        write(core, memory, pagemap, pid, tids, mapped)
    os.utime(path, ns=(moment, moment))


def write(core, memory, pagemap, pid, tids, mapped):
    maps = mappings(pid)
    text = notes(pid, tids, maps)
    at = EHDR.size + PHDR.size * (1 + len(maps))
    headers = [PHDR.pack(PT_NOTE, 0, at, 0, 0, len(text), 0, 4)]
    os.pwrite(core, text, at)
    at = -(-(at + len(text)) // PAGE) * PAGE
    for m in maps:
        size = m.size(memory, mapped)
        flags = sum(bit for bit, letter in ((4, "r"), (2, "w"), (1, "x")) if letter in m.perms)
        headers.append(PHDR.pack(PT_LOAD, flags, at, m.start, 0, size, m.end - m.start, PAGE))
        there = present(pagemap, m.start, size)
        if m.path in ("[vdso]", "[vsyscall]"):
            there = [m.path == "[vdso]"] * (size // PAGE)
        for first, end in runs(there):
            data = os.pread(memory, (end - first) * PAGE, m.start + first * PAGE)
            os.pwrite(core, data, at + first * PAGE)
        at += size
    os.ftruncate(core, at)
    ident = b"\x7fELF\2\1\1" + bytes(9)
    os.pwrite(core, EHDR.pack(ident, 4, 62, 1, 0, EHDR.size, 0, 0, EHDR.size, PHDR.size,
                              len(headers), 0, 0, 0) + b"".join(headers), 0)
