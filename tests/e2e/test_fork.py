"""A goroutine that starts programs, looked at while the kernel has just made the child: until the
child has called exec, the return address of rawVforkSyscall is in a register only."""
import os

import lib_fixture
import lib_gospy

FOUND = 2    # stacks that are wanted of each build
TRIES = 100  # snapshots of each at most; one in ten or so has it

# src/syscall/{asm_linux_amd64.s,exec_linux.go,exec_unix.go}
CALLS = ["syscall.rawVforkSyscall", "syscall.forkAndExecInChild1", "syscall.forkAndExecInChild",
         "syscall.forkExec", "syscall.ForkExec", "main.runChild", "main.forkForever"]


def source_line(frame):
    """The line of a source file, if it is on this machine."""
    if not os.path.isabs(frame["file"]) or not os.path.exists(frame["file"]):
        return None
    with open(frame["file"], encoding="utf-8") as f:
        return f.read().splitlines()[frame["line"] - 1]


class ForkTest(lib_gospy.TargetTest):
    def check(self, g):
        self.assertNotIn("stack_problem", g)
        self.assertEqual([f["func"] for f in g["frames"]], CALLS)
        line = source_line(g["frames"][1])
        if line is not None:
            self.assertIn("rawVforkSyscall(", line)

    def forking(self, fixture):
        """The goroutine, if it is in the call at this moment."""
        run = lib_gospy.run("stack", fixture.pid, "--json", "--func", "rawVforkSyscall")
        self.assertIn(run.status, (lib_gospy.OK, lib_gospy.PARTIAL), run.err)
        return run.json()["goroutines"]

    def test_fork(self):
        seen = 0
        for build in lib_gospy.builds("fork"):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                found = tries = 0
                while found < FOUND and tries < TRIES:
                    tries += 1
                    for g in self.forking(fixture):
                        self.check(g)
                        found += 1
                print(f"{build}: {found} in the call, of {tries} snapshots")
                seen += found
            self.doCleanups()
        self.assertTrue(seen, "never seen in the call")


if __name__ == "__main__":
    lib_gospy.main()
