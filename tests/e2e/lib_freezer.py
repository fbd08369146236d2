"""Freezing a process by its cgroup, of either version, where this machine lets us."""
import os
import unittest

import lib_gospy


def mounts(kind, option=None):
    """Where file systems of a kind are mounted, with this option."""
    with open("/proc/self/mounts", encoding="utf-8") as f:
        for line in f:
            _, place, found, options, *_ = line.split()
            if found == kind and (option is None or option in options.split(",")):
                yield place


def own_cgroup(hierarchy):
    """The path of this process's own cgroup: of v1's freezer, or of v2, whose name is empty."""
    with open("/proc/self/cgroup", encoding="utf-8") as f:
        for line in f:
            _, names, path = line.rstrip("\n").split(":", 2)
            if hierarchy in names.split(","):
                return path
    return "/"


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read()


class Freezer:
    """A cgroup with one process in it. The process goes back to where this one is, thawed."""

    def __init__(self, pid):
        mount = next(mounts(*self.mount), None)
        if not mount:
            raise unittest.SkipTest(f"no cgroup {self.name} is mounted here")
        self.pid = pid
        self.home = mount + own_cgroup(self.hierarchy)
        if not os.path.isdir(self.home):
            self.home = mount
        self.path = os.path.join(self.home, f"gospy-test-{pid}")
        try:
            os.mkdir(self.path)
        except OSError as error:
            raise unittest.SkipTest(f"no cgroup {self.name} can be made here: {error}")
        try:
            write(os.path.join(self.path, "cgroup.procs"), str(pid))
            read(os.path.join(self.path, self.control))
        except OSError as error:
            os.rmdir(self.path)
            raise unittest.SkipTest(f"cgroup {self.name} cannot be used here: {error}")

    def freeze(self):
        write(os.path.join(self.path, self.control), self.freeze_text)
        lib_gospy.wait_for(self.frozen, f"the freezing of {self.pid}")

    def thaw(self):
        write(os.path.join(self.path, self.control), self.thaw_text)

    def close(self):
        self.thaw()
        try:
            write(os.path.join(self.home, "cgroup.procs"), str(self.pid))
        except ProcessLookupError:
            pass  # it has ended
        os.rmdir(self.path)


class FreezerV1(Freezer):
    name = "v1 freezer"
    mount = ("cgroup", "freezer")
    hierarchy = "freezer"
    control = "freezer.state"
    freeze_text, thaw_text = "FROZEN", "THAWED"

    def frozen(self):
        return read(os.path.join(self.path, "freezer.state")) == "FROZEN\n"


class FreezerV2(Freezer):
    name = "v2"
    mount = ("cgroup2",)
    hierarchy = ""
    control = "cgroup.freeze"
    freeze_text, thaw_text = "1", "0"

    def frozen(self):
        return "frozen 1\n" in read(os.path.join(self.path, "cgroup.events"))


ALL = (FreezerV1, FreezerV2)
