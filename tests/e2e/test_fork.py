"""A goroutine that starts programs, looked at while the kernel has just made the child: until the
child has called exec, the return address of rawVforkSyscall is in a register only."""
import contextlib
import os
import signal

import lib_fixture
import lib_gospy

FOUND = 2    # stacks that are wanted of each build
HUNG_TRIES = 2000
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


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        return f.read().rpartition(")")[2].split()[0]


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

    def stop_in_call(self, child, tid):
        """Stop a child; False, and it goes on: its parent's thread does not wait for its exec."""
        held = False
        try:
            os.kill(child, signal.SIGSTOP)
            lib_gospy.wait_for(lambda: state(child) in "TZX", "the stop")
            held = state(child) == "T" and state(tid) == "D"
        except OSError:
            pass  # it has ended
        finally:
            if not held:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGCONT)
        return held

    def stop_child(self, fixture):
        """Stop a child that has not called exec yet, so that the goroutine cannot go on; its pid,
        or None."""
        for tid in os.listdir(f"/proc/{fixture.pid}/task"):
            try:
                with open(f"/proc/{fixture.pid}/task/{tid}/children", encoding="ascii") as f:
                    children = f.read().split()
            except OSError:
                continue
            for child in map(int, children):
                if self.stop_in_call(child, f"{fixture.pid}/task/{tid}"):
                    return child
        return None

    def check_hung(self, fixture):
        """The child hangs, and nobody can stop the thread: it is in uninterruptible sleep."""
        for options in ((), ("--non-blocking",), ("--exact",)):
            run = lib_gospy.whole("stack", fixture.pid, "--json", "--func", "rawVforkSyscall",
                                  *options)
            goroutines = run.json()["goroutines"]
            self.assertEqual(len(goroutines), 1, options)
            self.check(goroutines[0])

    def test_hung_child(self):
        seen = 0
        for build in lib_gospy.builds("fork"):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                child = None
                for _ in range(HUNG_TRIES):
                    child = self.stop_child(fixture)
                    if child:
                        break
                if child:
                    seen += 1
                    try:
                        self.check_hung(fixture)
                    finally:
                        os.kill(child, signal.SIGCONT)
            self.doCleanups()
        if not seen:
            self.skipTest("no child could be stopped before its exec")
        print(f"a child was stopped before its exec in {seen} builds")

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
