"""What a person may write for a process: name, executable, listener, control group, container."""
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import threading

import lib_fixture
import lib_gospy
from lib_gospy import GOSPY, NO_TARGET, OK, USAGE, run
from lib_terminal import Terminal


class CopyTest(lib_gospy.TargetTest):
    """Fixtures under names that nothing else here has."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.name = f"shop{os.getpid()}"

    def copy(self, name=None, fixture="parked"):
        path = os.path.join(self.directory, name or self.name)
        shutil.copy(lib_gospy.builds(fixture, ["default"])[-1].path, path)
        return path

    def start(self, path, *args):
        return self.watch(lib_fixture.Fixture(path, *args))


class NamesTest(CopyTest):
    def assert_means(self, word, fixture):
        """All commands take it for that process."""
        document = run("summary", word, "--json").expect(OK).json()
        self.assertEqual(document["target"]["pid"], fixture.pid)

    def test_name(self):
        fixture = self.start(self.copy())
        pid = str(fixture.pid)
        self.assert_means(self.name, fixture)
        self.assertEqual(run("process", self.name, "--json").expect(OK).json()["pid"], fixture.pid)
        self.assertEqual(run("doctor", self.name, "--json").expect(OK).json()["pid"], fixture.pid)
        for args in (("stats",), ("version",), ("stack", "--no-args")):
            self.assertEqual(run(*args, self.name).expect(OK).out, run(*args, pid).expect(OK).out)
        run("memstats", self.name).expect(OK)
        frame = run("top", self.name, "-n", 1, "--json").expect(OK).json()
        self.assertEqual(frame["target"]["pid"], fixture.pid)
        # Without a command it is `process`; a duration may follow.
        document = run(self.name, "20ms", "--json").expect(OK).json()
        self.assertEqual((document["pid"], document["sample_ns"]), (fixture.pid, 20000000))

    def test_long_name(self):
        """The kernel keeps 15 bytes of it; the whole name and that part both mean it."""
        name = f"{self.name}-with-a-long-name"
        fixture = self.start(self.copy(name))
        self.assert_means(name, fixture)
        self.assert_means(name[:15], fixture)

    def test_executable(self):
        fixture = self.start(self.copy())
        other = os.path.join(self.directory, "elsewhere")
        os.mkdir(other)
        self.start(self.copy(os.path.join("elsewhere", self.name)))
        path = os.path.join(self.directory, self.name)
        link = os.path.join(self.directory, "link")
        os.symlink(path, link)
        for word in (path, link, os.path.relpath(path)):
            self.assert_means(word if "/" in word else f"./{word}", fixture)
        # The name alone is both.
        run("stats", self.name).expect(USAGE)
        failed = run("stats", f"/nowhere/{self.name}").expect(NO_TARGET)
        self.assertIn(f"did you mean '{path}'", failed.err)

    def test_several(self):
        path = self.copy()
        fixtures = [self.start(path, "-n", n) for n in (1, 2)]
        user = pwd.getpwuid(os.getuid()).pw_name
        several = ("summary", "pprof")
        for command in ((), ("stack",), ("summary",), ("pprof", "goroutine"), ("top", "--batch"),
                        ("gc",)):
            failed = run(*command, self.name).expect(USAGE)
            self.assertEqual(failed.out, "")
            first, titles, *rows = failed.err.splitlines()
            all_of_them = ", or --all for all of them" if {*command} & {*several} else ""
            self.assertEqual(first, f"gospy: '{self.name}' fits 2 processes: give the PID of one"
                                    f"{all_of_them}")
            self.assertEqual(titles.split(), ["PID", "USER", "UPTIME", "COMMAND"])
            for row, fixture, n in zip(rows, sorted(fixtures, key=lambda f: f.pid), (1, 2)):
                self.assertRegex(row, rf"^ *{fixture.pid}  {user} +\d+\w*s +{path} -n \d$")
            self.assertEqual(len(rows), 2)
        error = run("stack", self.name, "--json").expect(USAGE).json()["error"]
        self.assertEqual(error["code"], "usage")

    def test_several_on_a_terminal(self):
        """Where nobody is asked, the lines behind the error keep to the width."""
        path = self.copy()
        fixtures = [self.start(path, "-n", n) for n in (1, 2)]
        more = self.start(path, "-n", 3, "-kind", "mutex", *["x" * 30] * 4)
        for cols in (40, 80, 200):
            terminal = Terminal(["sh", "-c", f"{GOSPY} stats {self.name} </dev/null"], 24, cols,
                                shared_stderr=True)
            self.addCleanup(terminal.close)
            self.assertEqual(terminal.end(), USAGE)
            lines = [line for line in terminal.screen.lines() if line]
            named = ["PID", "USER"] if cols >= 60 else ["PID", "UPTIME"]
            titles = next(i for i, line in enumerate(lines) if line.split()[:2] == named)
            rows = lines[titles + 1:]
            self.assertEqual([row.split()[0] for row in rows],
                             [str(f.pid) for f in sorted((*fixtures, more), key=lambda f: f.pid)])
            self.assertLessEqual(max(map(len, rows)), cols)
            if cols >= 80:
                self.assertEqual([row.split()[3:6] for row in rows],
                                 [[self.name, "-n", str(n)] for n in (1, 2, 3)])

    def test_commands_that_begin_alike(self):
        """In the list and behind the error is shown in which they differ."""
        path = self.copy()
        shared = ["-n", "1", "-kind", "mutex", "config=/etc/shop/of-all-replicas/common.yml"]
        args = {self.start(path, *shared, f"replica={n}").pid: f"replica={n}"
                for n in (1, 2, 31)}
        for cols in (40, 60, 80, 120):
            for command in (f"list {self.name}", f"stats {self.name}"):
                terminal = Terminal(["sh", "-c", f"{GOSPY} {command} </dev/null"], 24, cols,
                                    shared_stderr=True)
                self.addCleanup(terminal.close)
                terminal.end()
                rows = {int(line.split()[0]): line for line in terminal.screen.lines()
                        if line.split()[:1] and line.split()[0].isdigit()}
                self.assertEqual(set(rows), set(args))
                for pid, row in rows.items():
                    self.assertTrue(row.endswith(args[pid].split("=")[1]), row)
                    self.assertLessEqual(len(row), cols)
            top = Terminal([GOSPY, "top", self.name], 24, cols)
            self.addCleanup(top.close)
            for pid, said in args.items():
                top.wait_text(rf"^ *{pid} .*{said[-1]}$")
            # How one leaves stands there as long as there is room for it.
            top.wait(lambda lines: "Esc leave" in lines[-1], "Esc in the last line")
            top.type(self.name[:4])
            top.wait(lambda lines: "Esc unfilter" in lines[-1], "Esc beside the filter")

    @staticmethod
    def stats_of(pids, words):
        """The statistics of each process alone, and of all that the words mean. A runtime may start
        a thread in between."""
        def same():
            before = [run("stats", pid).expect(OK).out for pid in pids]
            text = run("stats", *words).expect(OK).out
            after = [run("stats", pid).expect(OK).out for pid in pids]
            return (before, text) if before == after else None
        return lib_gospy.wait_for(same, "the same statistics before and after")

    def test_all(self):
        """Several processes: one after the other, or an array."""
        path = self.copy()
        fixtures = sorted((self.start(path, "-n", n) for n in (1, 2)), key=lambda f: f.pid)
        pids = [fixture.pid for fixture in fixtures]
        for words in ((pids[0], pids[1]), ("--all", self.name), (self.name, "--all", pids[0])):
            single, text = self.stats_of(pids, words)
            self.assertEqual(text, f"pid {pids[0]}, {self.name[:15]}:\n{single[0]}\n"
                                   f"pid {pids[1]}, {self.name[:15]}:\n{single[1]}")
            documents = run("stats", "--json", *words).expect(OK).json()
            self.assertEqual([d["pid"] for d in documents], pids)
            documents = run("summary", "--json", *words).expect(OK).json()
            self.assertEqual([d["target"]["pid"] for d in documents], pids)
            self.assertEqual([len(d["goroutines"]) for d in documents],
                             [f.ready["num_goroutine"] for f in fixtures])
            lines = run("summary", "--json=lines", *words).expect(OK).json_lines()
            self.assertEqual([d["target"]["pid"] for d in lines if "target" in d], pids)
            documents = run("memstats", "--json", *words).expect(OK).json()
            self.assertEqual([d["pid"] for d in documents], pids)
        self.assertEqual(len(run("stats", "--json", pids[0], pids[0]).expect(OK).json()), 1)
        # One of them cannot be shown.
        bad = run("stats", "--json", pids[0], os.getpid()).expect(lib_gospy.PARTIAL).json()
        self.assertEqual([d["type"] for d in bad], ["stats", "error"])
        self.assertEqual((bad[1]["pid"], bad[1]["error"]["exit_status"]),
                         (os.getpid(), NO_TARGET))
        run("stats", os.getpid(), os.getppid()).expect(NO_TARGET)
        run("summary", *pids, "--exact", "--non-blocking").expect(USAGE)
        run("memstats", "--watch", "1s", *pids).expect(USAGE)
        rows = run("list", self.name).expect(OK).out.splitlines()
        self.assertEqual([int(row.split()[0]) for row in rows], pids)
        listed = run("list", "--json", *pids).expect(OK).json()["processes"]
        self.assertEqual([p["pid"] for p in listed], pids)
        run("list", os.getpid()).expect(NO_TARGET)

    def test_none(self):
        self.start(self.copy())
        for word in (self.name[:-1], self.name.upper(), "x" + self.name):
            failed = run("stats", word).expect(NO_TARGET)
            # The same test may be at work beside this one, with a name that is near, too.
            self.assertRegex(failed.err, rf"^gospy: no Go process is called '{word}' \(did you mean "
                                         rf"[^)]*'{self.name}'[^)]*\?\)[^\n]*\n$")
        # Nearly a command, and the beginning of a process's name.
        self.start(self.copy(f"stak{self.name}"))
        failed = run("stak").expect(USAGE)
        self.assertRegex(failed.err, rf"^gospy: unknown command 'stak' \(did you mean 'stack'\?\); and "
                                     rf"no Go process is called 'stak' \(did you mean "
                                     rf"[^)]*'stak{self.name}'")
        # Neither a command nor a process.
        failed = run(self.name + "x").expect(USAGE)
        self.assertRegex(failed.err, r"^gospy: unknown command [^\n]+\n$")
        self.assertRegex(failed.err, rf"did you mean [^)]*'{self.name}'")

    def test_digits(self):
        """A number is a PID, whatever is called so."""
        with open("/proc/sys/kernel/pid_max", encoding="ascii") as f:
            number = str(int(f.read()) + 1)
        fixture = self.start(self.copy(number))
        run("stats", number).expect(NO_TARGET)
        self.assert_means(os.path.join(self.directory, number), fixture)
        self.assertIn("process id", run("stats", "0").expect(USAGE).err)
        self.assertIn("process id", run("stats", "9" * 30).expect(USAGE).err)

    def test_command(self):
        """A command's name is the command."""
        fixture = self.start(self.copy("stats"))
        self.assertIn("which process?", run("stats").expect(USAGE).err)
        self.assert_means("stats", fixture)

    def test_listener(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("server")[-1]))
        port = fixture.ready["addr"].rsplit(":", 1)[1]
        for word in (f":{port}", f"*:{port}", f"127.0.0.1:{port}", f"localhost:{port}"):
            self.assert_means(word, fixture)
            self.assertEqual(run(word, "--json").expect(OK).json()["pid"], fixture.pid)
        for word in (f"127.0.0.2:{port}", f"[::1]:{port}"):
            failed = run("stack", word).expect(NO_TARGET)
            self.assertIn(f"'127.0.0.1:{port}'", failed.err)
        for word in (":0", ":65536", "nowhere.invalid:80", "[::1:80"):
            self.assertIn("names no listener", run("stack", word).expect(USAGE).err)

    def test_listener_of_all_addresses(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("server")[-1], "-listen", "[::]:0"))
        port = fixture.ready["addr"].rsplit(":", 1)[1]
        for host in ("", "127.0.0.1", "localhost", "[::1]", "192.0.2.1", "::", "[::]"):
            self.assert_means(f"{host}:{port}", fixture)

    def test_picker(self):
        path = self.copy()
        fixtures = [self.start(path, "-n", n) for n in (3, 4)]
        self.start(self.copy("something-else"))
        for keys, status in ((("Enter",), OK), (("Down", "Enter"), OK), (("Esc",), USAGE),
                             (("F10",), USAGE)):
            terminal = Terminal([GOSPY, "stats", self.name], 24, 80)
            self.addCleanup(terminal.close)
            terminal.wait_text("2 processes fit; Enter takes one")
            chosen = terminal.wait(self.counted, "the counts")
            self.assertEqual(set(chosen), {str(f.pid) for f in fixtures})
            terminal.key(*keys)
            self.assertEqual(terminal.end(), status)
            self.assertEqual(terminal.restored(), [])
            if status == OK:
                pid = chosen[len(keys) - 1]
                count = next(4 + (f is fixtures[1]) for f in fixtures if str(f.pid) == pid)
                terminal.wait_text(f"^goroutines: {count}$")
            else:
                self.assertIn("fits 2 processes", terminal.stderr())

    @staticmethod
    def counted(lines):
        """The PIDs from top to bottom, once goroutines of all are counted."""
        rows = [re.match(r"^\W*(\d+) +\S+ +(?:\S+ +)?(\d+) ", line) for line in lines]
        rows = [row for row in rows if row]
        return [row[1] for row in rows] if len(rows) == 2 else None

    def test_not_permitted(self):
        """Of a process that may not be looked into the name is known."""
        if os.geteuid() != 0:
            self.skipTest("not root")
        self.start(self.copy())
        os.chmod(self.directory, 0o755)
        failed = run("stats", self.name, prefix=("setpriv", "--reuid=65534", "--regid=65534",
                                                 "--clear-groups"))
        if failed.status == 127 or "setpriv" in failed.err:
            self.skipTest(f"setpriv: {failed.err}")
        failed.expect(lib_gospy.PERMISSION)


class FollowTest(CopyTest):
    """top --follow: the successor of a process that has ended, and never another one."""

    def batch(self, fixture):
        process = subprocess.Popen([GOSPY, "top", "--follow", "--batch", "--refresh", "0.1",
                                    "--json", str(fixture.pid)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=self.stderr, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        hang = threading.Timer(lib_gospy.HANG, process.kill)
        self.addCleanup(hang.cancel)
        hang.start()
        return process

    def setUp(self):
        super().setUp()
        self.stderr = tempfile.TemporaryFile()
        self.addCleanup(self.stderr.close)

    def notes(self):
        self.stderr.seek(0)
        return self.stderr.read().decode()

    def read_until(self, process, pid):
        """Frames until there is one of that process; the PIDs of all."""
        pids = []
        for line in process.stdout:
            pids.append(json.loads(line)["target"]["pid"])
            if pids[-1] == pid:
                return pids
        self.fail(f"ended: {self.notes()}")

    def test_successor(self):
        path = self.copy()
        first = lib_fixture.Fixture(path)
        other = self.start(self.copy("other"))
        replica = self.start(path)  # it was there before
        process = self.batch(first)
        self.read_until(process, first.pid)
        first.close()
        lib_gospy.wait_for(lambda: "has ended" in self.notes(), "its end")
        another = self.start(self.copy("another"))
        second = self.start(path)
        pids = self.read_until(process, second.pid)
        self.assertFalse({other.pid, replica.pid, another.pid} & set(pids))
        self.assertRegex(self.notes(), rf"process {first.pid} has ended; process {second.pid} "
                                       r"follows it: same executable, same parent")

    def test_several(self):
        path = self.copy()
        first = lib_fixture.Fixture(path)
        process = self.batch(first)
        self.read_until(process, first.pid)
        process.send_signal(signal.SIGSTOP)
        first.close()
        fixtures = [lib_fixture.Fixture(path), self.start(path)]
        process.send_signal(signal.SIGCONT)
        # Frames of the first may still be in the pipe, but none of these comes.
        lib_gospy.wait_for(lambda: "2 processes may be the successor" in self.notes(), "the note")
        fixtures[0].close()
        self.read_until(process, fixtures[1].pid)

    def test_other_network(self):
        """In another network namespace the same address is another one: a replica there is none
        that listens where the target did."""
        other_network = ["unshare", "--net"]
        if subprocess.run([*other_network, "true"], capture_output=True, check=False).returncode:
            self.skipTest("network namespaces are not permitted here")
        path = self.copy(fixture="server")
        first = lib_fixture.Fixture(path, "-listen", "[::]:0", "-clients", 0)
        listen = first.ready["addr"]
        process = self.batch(first)
        self.read_until(process, first.pid)
        process.send_signal(signal.SIGSTOP)
        first.close()
        replica = self.start(*other_network, path, "-listen", listen, "-clients", 0)
        second = self.start(path, "-listen", listen, "-clients", 0)
        process.send_signal(signal.SIGCONT)
        self.assertNotIn(replica.pid, self.read_until(process, second.pid))
        self.assertRegex(self.notes(), rf"process {second.pid} follows it: same executable.*, "
                                       rf"listens on {re.escape(listen)}, too")

    def test_another_name(self):
        """The same name, but another file: it says so."""
        first = lib_fixture.Fixture(self.copy())
        process = self.batch(first)
        self.read_until(process, first.pid)
        first.close()
        lib_gospy.wait_for(lambda: "has ended" in self.notes(), "its end")
        os.mkdir(os.path.join(self.directory, "new"))
        second = self.start(self.copy(os.path.join("new", self.name)))
        self.read_until(process, second.pid)
        self.assertIn("same name, another file, same parent", self.notes())

    def test_exec(self):
        """It runs its program anew, under its old PID."""
        fixture = self.start(self.copy("states", "states"))
        process = self.batch(fixture)
        self.read_until(process, fixture.pid)
        fixture.ask("exec")
        lib_gospy.wait_for(lambda: "has executed its program anew" in self.notes(), "the note")
        self.read_until(process, fixture.pid)

    def wait_for_successor(self, terminal, fixture):
        """Until it is said, which is for some seconds only, or to be seen that top goes on with it."""
        terminal.wait_text(rf"process {fixture.pid} follows it: same executable|"
                           rf"^ *(gospy +)?\S+ +(pid )?{fixture.pid} +go1")

    def test_screen(self):
        path = self.copy()
        first = lib_fixture.Fixture(path, "-n", 5)
        terminal = Terminal([GOSPY, "top", "--follow", "--refresh", "0.2", first.pid], 24, 100)
        self.addCleanup(terminal.close)
        terminal.wait_text(rf"pid {first.pid}\b|\b{first.pid}\b")
        terminal.wait_text("COUNT")
        first.close()
        terminal.wait_text("waits for its successor")
        second = lib_fixture.Fixture(path, "-n", 6)
        self.addCleanup(second.close)
        self.wait_for_successor(terminal, second)
        terminal.wait_no_text("waits for its successor")
        # The same by a key, after the end.
        terminal.key("F")
        terminal.wait_text("when the process ends, its last picture stays")
        second.close()
        terminal.wait_text(r"Last picture, \S+ ago: ")
        terminal.key("F")
        terminal.wait_text("waits for its successor")
        third = self.start(path, "-n", 7)
        self.wait_for_successor(terminal, third)
        terminal.key("q")
        self.assertEqual(terminal.end(), OK)
        self.assertEqual(terminal.restored(), [])


class GroupTest(lib_gospy.TargetTest):
    CONTAINER = "4a5b0c1d2e3f" + 52 * "7"

    def setUp(self):
        self.fixture = self.watch(lib_fixture.start(lib_gospy.builds("parked")[-1]))

    def enter(self, name):
        """Put the fixture into a control group of its own below its own one."""
        with open(f"/proc/{self.fixture.pid}/cgroup", encoding="utf-8") as f:
            trees = [line.rstrip("\n").split(":", 2) for line in f]
        # The one that gospy goes by: the longest path, or that of version 2.
        trees.sort(key=lambda tree: (tree[0] == "0" and tree[2] != "/", len(tree[2])))
        why = "there are none"
        for _, controllers, path in reversed(trees):
            root = f"/sys/fs/cgroup/{controllers.replace('name=', '')}".rstrip("/")
            group = f"{root}{path.rstrip('/')}/{name}"
            try:
                os.mkdir(group)
            except OSError as error:
                why = error
                continue
            self.addCleanup(os.rmdir, group)
            self.addCleanup(self.leave, os.path.dirname(group))
            try:
                with open(f"{group}/cgroup.procs", "w", encoding="ascii") as f:
                    f.write(str(self.fixture.pid))
            except OSError as error:
                why = error
                self.doCleanups()
                continue
            return f"{path.rstrip('/')}/{name}"
        return self.skipTest(f"no control group can be made: {why}")

    def leave(self, parent):
        with open(f"{parent}/cgroup.procs", "w", encoding="ascii") as f:
            f.write(str(self.fixture.pid))

    def assert_means(self, *words):
        for word in words:
            document = run("summary", word, "--json").expect(OK).json()
            self.assertEqual(document["target"]["pid"], self.fixture.pid, word)

    def test_service(self):
        name = f"gospy-test{os.getpid()}.service"
        path = self.enter(name)
        self.assert_means(name, path)
        run("summary", name[:-1]).expect(NO_TARGET)

    def test_container(self):
        self.enter(f"docker-{self.CONTAINER}.scope")
        self.assert_means(self.CONTAINER[:12], self.CONTAINER[:6], self.CONTAINER)
        # It says which container it could be, and what is missing.
        failed = run("summary", self.CONTAINER[:5]).expect(NO_TARGET)
        self.assertIn(f"(did you mean '{self.CONTAINER[:12]}'?); of a container's id give 6 digits "
                      "or more", failed.err)


if __name__ == "__main__":
    lib_gospy.main()
