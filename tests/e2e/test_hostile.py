"""Go processes that lie, in every structure that gospy reads: no crash, no hang, no more memory than
is allowed, nothing in the output that a terminal would obey, and an exit status that says how it is.

The liar is a real Go program that was stopped by SIGSTOP and never goes on: this test, not gospy,
writes into its memory, and puts back what was there before the next lie. Where it lies is
said by liar_layout, room for long lies is made by liar_memory.c. Each method of Lies is one lie."""
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import lib_fixture
import lib_gospy

BUILD = os.path.dirname(lib_gospy.GOSPY)
LAYOUT = os.path.join(BUILD, "tests", "liar_layout")
MEMORY = os.path.join(BUILD, "tests", "libliar_memory.so")

AREA, VIEWS, VIEW_BYTES, VIEW_COUNT = 0x100000000000, 0x200000000000, 2 << 20, 1024
UNMAPPED = 0x300000000000
HUGE = (1 << 63) - 8

SANITIZED = "asan" in os.path.basename(BUILD)
# Processor time. It is 2 s at most on a machine that does nothing else; on a crowded one, whose
# processors share what they have, the same work takes more of it. Work without a bound takes all.
CPU_S = 60
MEMORY_BYTES = 256 << 20
EACH_BYTES = 400

# A colour, a title, a bell, a C1 control character, an invalid byte, a line of its own.
EVIL = b"\x1b[31m\x1b]0;owned\x07\xc2\x9b1m\xff\r\nfake"

SNAPSHOTS = (("summary",), ("summary", "--json", "--pc=user"), ("summary", "--non-blocking"),
             ("stack",), ("stack", "--non-blocking", "--json=lines", "--system"),
             ("stack", "--group", "--exact"), ("stack", "--threads", "--json"),
             ("top", "--batch", "-n1", "--group=label"))
FIGURES = (("stats",), ("stats", "--json", "--non-blocking"), ("memstats",),
           ("memstats", "--json", "--non-blocking"))
OPENING = (("doctor",), ("doctor", "--json"), ("version", "-v"),
           ("process",) if lib_gospy.ON_PROCESS else ("version", "--json"))
LEAKS = (("leaks", "--json"),) if lib_gospy.ON_PROCESS else ()
DIFFERENCES = (("diff", "--for", "1ms", "--json", "--unchanged"),) if lib_gospy.ON_PROCESS else ()


# Sanitizers take their time: one of each kind is enough.
COMMANDS = ((SNAPSHOTS[1], *SNAPSHOTS[4:6], SNAPSHOTS[7], FIGURES[2], OPENING[0],
             *DIFFERENCES, *LEAKS) if SANITIZED else (*SNAPSHOTS, *FIGURES, *OPENING, *DIFFERENCES,
                                                      *LEAKS))
# Each lie is told to one command in so many, which are others for the next lie: of those that take a
# snapshot, that read figures, and that look at the program.
ONE_IN = 1 if SANITIZED else int(os.environ.get("GOSPY_LIE_ONE_IN", "6"))


def commands_for(lie):
    number = ALL_LIES.index(lie)
    return [command for i, command in enumerate(COMMANDS) if (i + number) % ONE_IN == 0]


class Memory:
    """The memory of the liar, which is put back as it was by restore()."""

    def __init__(self, pid):
        self.file = open(f"/proc/{pid}/mem", "r+b", buffering=0)
        self.undo = []
        self.used = AREA

    def read(self, addr, n):
        return os.pread(self.file.fileno(), n, addr)

    def u64(self, addr):
        return struct.unpack("<Q", self.read(addr, 8))[0]

    def write(self, addr, data):
        """A lie about something that is there."""
        self.undo.append((addr, self.read(addr, len(data))))
        self.put(addr, data)

    def put(self, addr, data):
        for at in range(0, len(data), 1 << 20):
            part = data[at:at + (1 << 20)]
            assert os.pwrite(self.file.fileno(), part, addr + at) == len(part)

    def lie(self, addr, *words):
        self.write(addr, words_of(*words))

    def make(self, data, align=8):
        """Address of a copy in the area."""
        addr = (self.used + align - 1) // align * align
        self.used = addr + len(data)
        self.put(addr, data)
        return addr

    def reserve(self, n):
        """Address of so many bytes that nobody has touched."""
        addr = (self.used + 4095) // 4096 * 4096
        self.used = addr + n
        return addr

    def restore(self):
        for addr, data in reversed(self.undo):
            self.put(addr, data)
        self.undo = []


def words_of(*words):
    return struct.pack(f"<{len(words)}Q", *(word % (1 << 64) for word in words))


def slice_of(addr, n, cap=None):
    return words_of(addr, n, n if cap is None else cap)


def with_word(data, offset, value, size=8):
    value = (value % (1 << 8 * size)).to_bytes(size, "little")
    return data[:offset] + value + data[offset + size:]


class Lies:
    """Each method is a lie, in the order they stand here; one that this Go has no room for does
    nothing."""

    def __init__(self, memory, where, minor):
        self.mem = memory
        self.where = where
        self.at = where["globals"]
        self.minor = minor
        self.gs = self.read_gs()

    # ------------------------------------------------------------------------------- what is there

    def read_gs(self):
        n = self.mem.u64(self.at["allglen"])
        data = self.mem.read(self.allgs_array(), 8 * n)
        return list(struct.unpack(f"<{n}Q", data))

    def allgs_array(self):
        return self.mem.u64(self.at["allgptr"] or self.at["allgs"])

    def field(self, name, member):
        return self.where[name].get(member)

    def g(self, index):
        return self.mem.read(self.gs[index], self.where["g"]["size"])

    def waiting(self):
        """A g that waits for a channel."""
        for addr in self.gs:
            data = self.mem.read(addr, self.where["g"]["size"])
            waiting = data[self.field("g", "waiting"):][:8]
            status = data[self.field("g", "atomicstatus")]
            if status == 4 and waiting != bytes(8):
                return addr
        raise AssertionError("no goroutine waits for a channel")

    def set_allgs(self, array, n):
        self.mem.lie(self.at["allglen"], n)
        self.mem.lie(self.at["allgs"], array, n, n)
        if self.at["allgptr"]:
            self.mem.lie(self.at["allgptr"], array)

    def flood(self, n, change=None, addr=None):
        """So many copies of a goroutine that is parked, each with a goid of its own."""
        addr = addr or self.waiting()
        model = self.mem.read(addr, self.where["g"]["size"])
        copies = []
        for i in range(n):
            data = with_word(model, self.field("g", "goid"), 1000 + i)
            copies.append(change(i, data) if change else data)
        first = self.mem.make(b"".join(copies), 4096)
        size = len(model)
        array = self.mem.make(words_of(*(first + i * size for i in range(n))))
        self.set_allgs(array, n)

    def every_g(self, member, value, size=8):
        for addr in self.gs:
            self.mem.write(addr + self.field("g", member),
                           (value % (1 << 8 * size)).to_bytes(size, "little"))

    # ---------------------------------------------------------------------------------------- allgs

    def allglen_of_untouched_pages(self):
        self.set_allgs(self.mem.reserve(8 << 25), 1 << 25)

    def allglen_beyond_the_array(self):
        self.mem.lie(self.at["allglen"], 1 << 25)

    def allglen_absurd(self):
        self.mem.lie(self.at["allglen"], HUGE)

    def allglen_negative(self):
        self.mem.lie(self.at["allglen"], -1)

    def allglen_zero(self):
        self.mem.lie(self.at["allglen"], 0)

    def allgs_nowhere(self):
        self.set_allgs(UNMAPPED, 1000)

    def allgs_of_nothing(self):
        self.set_allgs(self.mem.reserve(8 * 65000), 65000)

    def allgs_of_one_g(self):
        self.set_allgs(self.mem.make(words_of(*[self.gs[0]] * 65000)), 65000)

    def allgs_unreadable(self):
        self.set_allgs(self.mem.make(words_of(*(UNMAPPED + i * 4096 for i in range(65000)))), 65000)

    def allgs_untouched(self):
        first = self.mem.reserve(65000 * 4096)
        self.set_allgs(self.mem.make(words_of(*(first + i * 4096 for i in range(65000)))), 65000)

    def allgs_unaligned_and_out_of_this_world(self):
        odd = [self.gs[0] + 1, 1 << 63, (1 << 64) - 8, 1, 8, (1 << 47) - 8] * 1000
        self.set_allgs(self.mem.make(words_of(*self.gs, *odd)), len(self.gs) + len(odd))

    def allgs_overlapping(self):
        self.set_allgs(self.mem.make(words_of(*(self.gs[0] + 8 * i for i in range(50)))), 50)

    def allgs_of_views(self):
        """Two megabytes of g's, seen a thousand times: there is memory for none of them."""
        size = self.where["g"]["size"]
        model = self.g(0)
        self.mem.put(VIEWS, model * (VIEW_BYTES // size))
        addrs = [VIEWS + v * VIEW_BYTES + i * size for v in range(VIEW_COUNT)
                 for i in range(VIEW_BYTES // size)]
        self.set_allgs(self.mem.make(struct.pack(f"<{len(addrs)}Q", *addrs)), len(addrs))

    # -------------------------------------------------------------------------------------------- g

    def g_of_ones(self):
        for addr in self.gs:
            self.mem.write(addr, b"\xff" * self.where["g"]["size"])

    def g_of_zeros(self):
        for addr in self.gs:
            self.mem.write(addr, bytes(self.where["g"]["size"]))

    def g_status_unknown(self):
        self.every_g("atomicstatus", 0xfffff, 4)

    def g_scanned_for_ever(self):
        self.every_g("atomicstatus", 0x1004, 4)

    def g_all_running(self):
        self.every_g("atomicstatus", 2, 4)

    def g_all_moving(self):
        self.every_g("atomicstatus", 8, 4)

    def g_all_alike(self):
        self.every_g("goid", 1)

    def g_goid_huge(self):
        self.every_g("goid", -1)

    def g_waitreason_unknown(self):
        self.every_g("waitreason", 255, 1)

    def g_of_nowhere(self):
        for member in ("m", "waiting", "startpc", "gopc", "sched_pc", "labels"):
            if self.field("g", member) is not None:
                self.every_g(member, UNMAPPED + 5)

    def g_waits_since_tomorrow(self):
        self.every_g("waitsince", HUGE)

    def stack_of_everything(self):
        self.every_g("stack_lo", 0)
        self.every_g("stack_hi", -1)

    def stack_upside_down(self):
        for addr in self.gs:
            lo, hi = (self.mem.u64(addr + self.field("g", member))
                      for member in ("stack_lo", "stack_hi"))
            self.mem.lie(addr + self.field("g", "stack_lo"), hi)
            self.mem.lie(addr + self.field("g", "stack_hi"), lo)

    def stack_untouched(self):
        """A gigabyte each, of which no page is there."""
        for addr in self.gs:
            lo = self.mem.reserve(1 << 30)
            self.set_stack(addr, lo, lo + (1 << 30))

    def stack_unmapped(self):
        for addr in self.gs:
            self.set_stack(addr, UNMAPPED, UNMAPPED + (1 << 30))

    def set_stack(self, addr, lo, hi, sp=None):
        g = self.where["g"]
        self.mem.lie(addr + g["stack_lo"], lo)
        self.mem.lie(addr + g["stack_hi"], hi)
        self.mem.lie(addr + self.sp_offset(), lo + 64 if sp is None else sp)

    def sp_offset(self):
        return self.field("g", "sched_sp")

    def deep_bytes(self, n):
        """So many bytes that read as return addresses into functions of the program."""
        module = self.where["module"]
        step = max(1, (module["etext"] - module["text"]) // 499)
        pcs = [module["text"] + i * step for i in range(499)]
        return (words_of(*pcs) * (n // (8 * 499) + 1))[:n]

    def stack_deep_and_shared(self):
        """Sixty thousand goroutines say that the same eight megabytes are their stack."""
        lo = self.mem.make(self.deep_bytes(8 << 20), 4096)

        def change(_, data):
            for member, value in (("stack_lo", lo), ("stack_hi", lo + (8 << 20)),
                                  ("sched_sp", lo + 64)):
                data = with_word(data, self.field("g", member), value)
            return data
        self.flood(60000, change)

    def stack_deep_and_different(self):
        lo = self.mem.make(self.deep_bytes(64 << 20), 4096)

        def change(i, data):
            for member, value in (("stack_lo", lo), ("stack_hi", lo + (64 << 20)),
                                  ("sched_sp", lo + 64 + 8 * i)):
                data = with_word(data, self.field("g", member), value)
            return data
        self.flood(60000, change)

    # --------------------------------------------------------------------------------------- labels

    def label_set(self, pairs):
        """Address of what g.labels would point to: a slice from Go 1.24 on, before a map."""
        flat = words_of(*(word for pair in pairs for word in pair))
        if self.minor >= 24:
            return self.mem.make(slice_of(self.mem.make(flat), len(pairs)))
        buckets = b""
        for at in range(0, len(pairs), 8):
            some = pairs[at:at + 8]
            top = bytes([9] * len(some) + [0] * (8 - len(some)))
            keys = b"".join(words_of(*pair[:2]) for pair in some).ljust(128, b"\0")
            values = b"".join(words_of(*pair[2:]) for pair in some).ljust(128, b"\0")
            buckets += top + keys + values + bytes(8)
        bits = 0
        while 1 << bits < len(buckets) // 272:
            bits += 1
        array = self.mem.make(buckets.ljust(272 << bits, b"\0"))
        hmap = self.mem.make(words_of(len(pairs), bits << 8, array, 0))
        return self.mem.make(words_of(hmap))

    def labels_of_sixty_megabytes(self):
        """Different sets, each of 64 labels of a kilobyte, which all are the same bytes."""
        text = self.mem.make(b"x" * 1024)
        sets = []
        for i in range(8000):
            sets.append(self.label_set([(text, 1024 - i % 7, text, 1024)] * 64))
        self.flood(60000, lambda i, data: with_word(data, self.field("g", "labels"),
                                                    sets[i % len(sets)]))

    def labels_of_the_same_array(self):
        """Sixty thousand sets, of a few bytes each, that share what they say."""
        text = self.mem.make(b"y" * 1000)
        pairs = self.mem.make(words_of(*[text, 1000, text, 1000] * 64))
        headers = self.mem.make(slice_of(pairs, 64) * 60000)
        self.flood(60000, lambda i, data: with_word(data, self.field("g", "labels"),
                                                    headers + 24 * i))

    def labels_endless(self):
        text = self.mem.make(b"z" * 64)
        lies = [slice_of(text, HUGE), slice_of(text, 5, 1), slice_of(UNMAPPED, 5),
                words_of(HUGE, 0x3f00, text, text), words_of(60, 0xff00, text, text),
                words_of(8, 0, text, 0), b"\xff" * 64, bytes(64)]
        # A bucket whose overflow is itself.
        bucket = self.mem.reserve(272)
        self.mem.put(bucket, bytes(264) + words_of(bucket))
        lies.append(words_of(1, 0, bucket, bucket))
        addrs = [self.mem.make(lie) for lie in lies]
        addrs += [self.mem.make(words_of(addr)) for addr in addrs]
        addrs += [self.label_set([(text, size, text, 1)]) for size in (HUGE, -1, 1025, 1 << 32)]
        self.flood(2000, lambda i, data: with_word(data, self.field("g", "labels"),
                                                   addrs[i % len(addrs)]))

    def labels_evil(self):
        text = self.mem.make(EVIL)
        addr = self.label_set([(text, len(EVIL), text, len(EVIL))])
        self.every_g("labels", addr)

    # ------------------------------------------------------------------------------------ ancestors

    def ancestors_flood(self):
        if self.field("g", "ancestors") is None:
            return
        module = self.where["module"]
        pcs = self.mem.make(words_of(*[module["text"] + 64 * i for i in range(100)]))
        info = words_of(pcs, 100, 100, 7, module["text"])
        addr = self.mem.make(slice_of(self.mem.make(info * 128), 128))
        self.flood(60000, lambda _, data: with_word(data, self.field("g", "ancestors"), addr))

    def ancestors_without_pcs(self):
        if self.field("g", "ancestors") is None:
            return
        addr = self.mem.make(slice_of(self.mem.make(words_of(0, 0, 0, 7, 0) * 128), 128))
        self.flood(60000, lambda _, data: with_word(data, self.field("g", "ancestors"), addr))

    def ancestors_endless(self):
        if self.field("g", "ancestors") is None:
            return
        info = self.mem.make(words_of(UNMAPPED, HUGE, HUGE, 7, UNMAPPED))
        addrs = [self.mem.make(lie) for lie in (slice_of(info, HUGE), slice_of(info, 1),
                                                slice_of(UNMAPPED, 3), slice_of(info, 3, 1))]
        for i, addr in enumerate(self.gs):
            self.mem.lie(addr + self.field("g", "ancestors"), addrs[i % len(addrs)])

    # --------------------------------------------------------------------------- channels, semaphores

    def sudogs(self):
        for addr in self.gs:
            sudog = self.mem.u64(addr + self.field("g", "waiting"))
            if sudog:
                yield addr, sudog

    def sudog_of_itself(self):
        for addr in self.gs:
            self.mem.lie(addr + self.field("g", "waiting"), addr)

    def sudog_of_another(self):
        for _, sudog in self.sudogs():
            self.mem.lie(sudog + self.field("sudog", "g"), self.gs[0])

    def channel_nowhere(self):
        for _, sudog in self.sudogs():
            self.mem.lie(sudog + self.field("sudog", "c"), UNMAPPED)

    def channel_fuller_than_full(self):
        for _, sudog in self.sudogs():
            channel = self.mem.u64(sudog + self.field("sudog", "c"))
            if channel:
                self.mem.lie(channel + self.field("hchan", "qcount"), HUGE)

    def semaphores_in_circles(self):
        """A treap whose nodes lead to themselves, to their parents and to nowhere."""
        table = self.at["semtable"]
        if not table:
            return
        sudog = self.where["sudog"]
        size = max(sudog.values())
        first = self.mem.reserve(251 * 256)
        for i in range(251):
            node = bytes(size + 8)
            for j, member in enumerate(("prev", "next", "waitlink")):
                if sudog.get(member) is not None:
                    node = with_word(node, sudog[member], first + (i * (j + 2) % 251) * 256)
            node = with_word(node, sudog["elem"], (i + 251 * 1000) << 3)
            node = with_word(node, sudog["g"], self.gs[0])
            self.mem.put(first + i * 256, node)
            self.mem.lie(table + i * 64 + 8, first + i * 256)

    def semaphores_in_a_row(self):
        table = self.at["semtable"]
        if not table or self.field("sudog", "waitlink") is None:
            return
        sudog = self.where["sudog"]
        size, n = max(sudog.values()) + 8, 200000
        first = self.mem.reserve(n * size)
        node = with_word(bytes(size), sudog["elem"], 251 << 3)
        self.mem.put(first, b"".join(with_word(node, sudog["waitlink"], first + (i + 1) * size)
                                     for i in range(n)))
        self.mem.lie(table + 8, first)

    # ------------------------------------------------------------------------------------ P's and M's

    def allp_absurd(self):
        self.mem.lie(self.at["allp"] + 8, HUGE, HUGE)

    def allp_nowhere(self):
        self.mem.lie(self.at["allp"], UNMAPPED)

    def allp_all_the_same(self):
        p = self.mem.u64(self.mem.u64(self.at["allp"]))
        self.mem.lie(self.at["allp"], *struct.unpack("<3Q", slice_of(
            self.mem.make(words_of(*[p] * 60000)), 60000)))

    def allp_flood(self):
        """As many P's as are believed in, each with an id of its own."""
        n, p = 1 << 16, self.where["p"]
        first = self.mem.reserve(n * 4096)
        for i in range(n):
            self.mem.put(first + i * 4096 + p["id"], struct.pack("<I", i))
        array = self.mem.make(words_of(*(first + i * 4096 for i in range(n))))
        self.mem.lie(self.at["allp"], array, n, n)
        self.mem.write(self.at["gomaxprocs"], struct.pack("<I", n))

    def gomaxprocs_absurd(self):
        self.mem.write(self.at["gomaxprocs"], b"\xff\xff\xff\xff")

    def p_without_caches(self):
        self.mem.lie(self.mem.u64(self.mem.u64(self.at["allp"])) + self.field("p", "mcache"),
                     UNMAPPED)

    def allm_of_itself(self):
        m = self.mem.u64(self.at["allm"])
        self.mem.lie(m + self.field("m", "alllink"), m)

    def allm_in_a_circle(self):
        m = self.mem.u64(self.at["allm"])
        after = self.mem.u64(m + self.field("m", "alllink"))
        self.mem.lie(after + self.field("m", "alllink"), m)

    def allm_nowhere(self):
        self.mem.lie(self.at["allm"], UNMAPPED)

    def allm_none(self):
        self.mem.lie(self.at["allm"], 0)

    def allm_flood(self):
        """More M's than there may be threads, and one without an end."""
        self.make_ms(140000)

    def allm_long(self):
        self.make_ms(100000)

    def make_ms(self, n):
        size = self.where["m"]["size"]
        model = self.mem.read(self.mem.u64(self.at["allm"]), size)
        first = self.mem.reserve(n * size)
        ms = []
        for i in range(n):
            link = first + (i + 1) * size if i + 1 < n else 0
            ms.append(with_word(model, self.field("m", "alllink"), link))
        self.mem.put(first, b"".join(ms))
        self.mem.lie(self.at["allm"], first)

    def m_of_ones(self):
        m = self.mem.u64(self.at["allm"])
        for member in ("g0", "gsignal", "curg", "p", "nextp", "procid", "lockedg", "mstartfn"):
            if self.field("m", member) is not None:
                self.mem.lie(m + self.field("m", member), -1)

    def m_runs_everything(self):
        """Each M says that it runs the same goroutine, in the thread of another process."""
        m = self.mem.u64(self.at["allm"])
        while m:
            self.mem.lie(m + self.field("m", "curg"), self.gs[0])
            self.mem.lie(m + self.field("m", "procid"), 1)
            m = self.mem.u64(m + self.field("m", "alllink"))

    # --------------------------------------------------------------------------------- heap and figures

    def heap_of_ones(self):
        for name, kind in (("memstats", "mstats"), ("gcController", "gcController"),
                           ("sched", "schedt")):
            if self.at[name] and self.where[kind]["size"]:
                self.mem.write(self.at[name], b"\xff" * self.where[kind]["size"])
        self.mem.write(self.at["mheap_"], b"\xff" * 4096)

    def heap_of_zeros(self):
        for name, kind in (("memstats", "mstats"), ("gcController", "gcController"),
                           ("sched", "schedt")):
            if self.at[name] and self.where[kind]["size"]:
                self.mem.write(self.at[name], bytes(self.where[kind]["size"]))

    def arenas_nowhere(self):
        if self.field("mheap", "arenas") is not None:
            self.mem.lie(self.at["mheap_"] + self.field("mheap", "arenas"), UNMAPPED)

    def mcaches(self):
        n = self.mem.u64(self.at["allp"] + 8)
        for i in range(n):
            p = self.mem.u64(self.mem.u64(self.at["allp"]) + 8 * i)
            yield self.mem.u64(p + self.field("p", "mcache"))

    def spans_nowhere(self):
        for mcache in self.mcaches():
            self.mem.lie(mcache + self.field("mcache", "alloc"), *[UNMAPPED] * 64)

    def free_stacks_in_a_circle(self):
        if self.field("mcache", "stackcache") is None:
            return
        stack = self.mem.reserve(4096)
        self.mem.put(stack, words_of(stack))
        for mcache in self.mcaches():
            self.mem.lie(mcache + self.field("mcache", "stackcache"), *[stack, 32768] * 4)

    def span_blocks_in_a_circle(self):
        if self.at["spanSetBlockPool"]:
            self.mem.lie(self.at["spanSetBlockPool"], self.at["spanSetBlockPool"] << 16)

    def finalizers_in_a_circle(self):
        if self.at["allfin"]:
            block = self.mem.reserve(4096)
            self.mem.put(block, words_of(block, block, 100))
            self.mem.lie(self.at["allfin"], block)

    # -------------------------------------------------------------------------- texts, tables, versions

    def wait_reasons_evil(self):
        text = self.mem.make(EVIL)
        # Tables are read through the window on the program: only what lies in it is believed.
        inside = self.where["module"]["funcnametab"] + 4096
        self.mem.write(inside, EVIL)
        for i in range(20):
            self.mem.lie(self.at["waitReasonStrings"] + 16 * i, text if i % 2 else inside,
                         len(EVIL))

    def wait_reasons_endless(self):
        self.mem.lie(self.at["waitReasonStrings"], UNMAPPED, HUGE, 0, HUGE)

    def function_names_evil(self):
        """Each name ends where it did: what comes before is the lie."""
        start = self.where["module"]["funcnametab"]
        names = self.mem.read(start, 1 << 16)
        evil = bytearray(names)
        for match in re.finditer(rb"[^\0]{24,}", names):
            evil[match.start():match.start() + len(EVIL)] = EVIL
        self.mem.write(start, bytes(evil))

    def function_names_endless(self):
        start = self.where["module"]["funcnametab"]
        self.mem.write(start, b"A" * (1 << 17))

    def function_table_of_ones(self):
        self.mem.write(self.where["module"]["ftab"], b"\xff" * 65536)

    def function_table_of_zeros(self):
        self.mem.write(self.where["module"]["ftab"], bytes(65536))

    def function_table_upside_down(self):
        start, n = self.where["module"]["ftab"], 4096
        entries = self.mem.read(start, 8 * n)
        self.mem.write(start, b"".join(entries[8 * i:8 * i + 8] for i in reversed(range(n))))

    def functions_of_ones(self):
        module = self.where["module"]
        end = module["ftab"] + module["nftab"] * (8 if self.minor >= 18 else 16)
        self.mem.write(end + 4096, b"\xff" * (1 << 18))

    def module_header_of_ones(self):
        self.mem.write(self.where["module"]["pclntab"] + 8, b"\xff" * 64)

    def module_lengths(self):
        addr = self.where["module"]["addr"]
        words = struct.unpack("<40Q", self.mem.read(addr, 320))
        # Everything that is a length or a capacity becomes a small number.
        self.mem.lie(addr, *(HUGE if 16 < word < 1 << 30 else word for word in words))

    def modules_in_a_circle(self):
        """Whatever is zero in the module's data may be the link to the next one."""
        addr = self.where["module"]["addr"]
        words = struct.unpack("<90Q", self.mem.read(addr, 720))
        self.mem.lie(addr, *(word or addr for word in words))

    def version_evil(self):
        text = self.where["module"]["funcnametab"] + 8192
        version = b"go1.99" + EVIL
        self.mem.write(text, version)
        self.mem.lie(self.at["buildVersion"], text, len(version))

    def version_endless(self):
        self.mem.lie(self.at["buildVersion"], self.where["module"]["text"], HUGE)

    def settings_endless(self):
        if self.at["dbgvars"]:
            self.mem.lie(self.at["dbgvars"] + 8, HUGE, HUGE)

    def settings_nowhere(self):
        if self.at["dbgvars"]:
            self.mem.lie(self.at["dbgvars"], UNMAPPED)


# The methods of Lies that are no lies.
HELPERS = ("read_gs", "allgs_array", "field", "g", "waiting", "set_allgs", "flood", "every_g",
           "set_stack", "sp_offset", "deep_bytes", "label_set", "sudogs", "make_ms", "mcaches")
# In a core each of the views is there.
NO_LIES = () if lib_gospy.ON_PROCESS else ("allgs_of_views",)
ALL_LIES = [name for name, value in vars(Lies).items()
            if callable(value) and not name.startswith("_") and name not in (*HELPERS, *NO_LIES)]
# Lies about what gospy takes from the program's file where that is the one that runs.
OF_THE_FILE = ("function", "module")
# Lies about what is another structure up to Go 1.23 or 1.25.
OTHERWISE = ("labels", "semaphores", "ancestors", "spans", "heap", "allm", "allgs_of", "wait_reasons")


class Runner:
    """Runs gospy from a small process of its own: what is told of the memory of a process is never
    less than that of the one which started it."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-B", __file__, "--runner"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.directory = tempfile.TemporaryDirectory()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self.directory.cleanup()

    def run(self, args):
        """Status, output, errors, processor time in seconds, and bytes of memory."""
        paths = [os.path.join(self.directory.name, name) for name in ("out", "err")]
        self.process.stdin.write(json.dumps([args, *paths]) + "\n")
        self.process.stdin.flush()
        status, cpu_s, memory = json.loads(self.process.stdout.readline())
        texts = []
        for path in paths:
            with open(path, "rb") as file:
                texts.append(file.read())
        return status, *texts, cpu_s, memory


def serve_runner():
    for line in sys.stdin:
        args, *paths = json.loads(line)
        with open(paths[0], "wb") as out, open(paths[1], "wb") as err:
            process = subprocess.Popen([lib_gospy.GOSPY, *args], stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=err,
                                       env={**os.environ, "LC_ALL": "C.UTF-8"})
            timer = threading.Timer(lib_gospy.HANG, process.kill)
            timer.start()
            _, status, used = os.wait4(process.pid, 0)
            timer.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
        print(json.dumps([process.returncode, used.ru_utime + used.ru_stime,
                          used.ru_maxrss * 1024]), flush=True)


class Hostile(unittest.TestCase):
    def setUp(self):
        if not os.path.exists(LAYOUT):
            self.skipTest("liar_layout was not built")
        self.runner = Runner()
        self.addCleanup(self.runner.close)

    def start(self, build, touched):
        """`touched`: the file was written to since, so that gospy goes by the memory alone."""
        path = build.path
        if touched:
            path = shutil.copy(path, os.path.join(self.runner.directory.name, "liar"))
        liar = lib_fixture.Fixture(path, env={"LD_PRELOAD": MEMORY,
                                              "GODEBUG": "tracebackancestors=10"})
        self.addCleanup(self.end, liar)
        if touched:
            later = time.time() + 60
            os.utime(path, (later, later))
        layout = subprocess.run([LAYOUT, str(liar.pid)], capture_output=True, text=True,
                                check=True).stdout
        os.kill(liar.pid, signal.SIGSTOP)
        lib_gospy.wait_for(lambda: all(state in "TZX" for _, state, _ in
                                       lib_gospy.threads(liar.pid)), "the liar to stop")
        return liar, json.loads(layout)

    def end(self, liar):
        liar.process.kill()
        liar.process.wait()

    def check(self, target, command, own):
        args = [*command, target]
        status, out, err, cpu_s, memory = self.runner.run(args)
        said = f"gospy {' '.join(args)}: {status}, {cpu_s:.2f} s, {memory >> 20} MiB\n"
        said += err[-600:].decode(errors="replace")
        if os.environ.get("GOSPY_SHOW"):
            print(said.strip().replace("\n", " | ")[:300], file=sys.stderr)
        self.assertIn(status, (lib_gospy.OK, lib_gospy.ERROR, lib_gospy.NO_TARGET,
                               lib_gospy.PARTIAL), said)
        if status in (lib_gospy.ERROR, lib_gospy.NO_TARGET) and command[0] != "doctor":
            self.assertRegex(err + out, rb"gospy: .|\"message\"", said)
        self.assertNotRegex(err, rb"Sanitizer|runtime error:", said)
        self.assertLess(cpu_s, CPU_S, said)
        if not SANITIZED:
            self.assertLess(memory, MEMORY_BYTES + EACH_BYTES * own, said)
        text = (out + err).decode("utf-8", errors="strict")
        bad = re.search(r"[^\t\n -~\u00a1-\uffff]", text)
        self.assertIsNone(bad, f"{bad and text[max(0, bad.start() - 40):bad.end() + 40]!r}\n{said}")
        if any(option.startswith("--json") for option in command):
            for line in out.decode().splitlines():
                json.loads(line)
        return status

    def lie(self, build, names):
        """Tell these lies, one after the other."""
        self.lie_to(self.start(build, False), build, names)
        names = [name for name in names if name.startswith(OF_THE_FILE)]
        if names:
            self.lie_to(self.start(build, True), build, names)

    def lie_to(self, started, build, names):
        liar, where = started
        memory = Memory(liar.pid)
        self.addCleanup(memory.file.close)
        only = os.environ.get("GOSPY_LIE", "")
        for name in names:
            if only not in name:
                continue
            lies = Lies(memory, where, build.minor)
            with self.subTest(lie=name, build=str(build)):
                getattr(lies, name)()
                if os.environ.get("GOSPY_SHOW"):
                    print("==", name, build, file=sys.stderr)
                if memory.undo:
                    with lib_gospy.aimed([liar.pid]) as target:
                        self.lie_about(target[0], name, len(lies.gs))
            memory.restore()
            memory.used = AREA

    def lie_about(self, target, name, own):
        for command in commands_for(name):
            with self.subTest(command=" ".join(command)):
                self.check(target, command, own)

    def test_newest(self):
        self.lie(lib_gospy.builds("states", variants=("cgo",))[-1], ALL_LIES)

    def test_older(self):
        """Labels are a map, and semaphores a table."""
        older = [build for build in lib_gospy.builds("states", variants=("cgo",))
                 if build.minor < 24]
        if not older:
            self.skipTest("no program of a Go before 1.24")
        self.lie(older[-1], [name for name in ALL_LIES if name.startswith(OTHERWISE)])


if __name__ == "__main__":
    if sys.argv[1:] == ["--runner"]:
        serve_runner()
    else:
        unittest.main()
