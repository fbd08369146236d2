"""The commands that look at processes from farther off: list, tree, PID and version. Their lines
are those of gops."""
import json
import os
import pwd
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

import lib_agent
import lib_fixture
import lib_gospy
from lib_terminal import Terminal


def columns(line):
    """PID PPID NAME[*] VERSION PATH"""
    match = re.match(r"^(\d+) +(\d+) +(\S.*?) *(\*?) +(\S+) +(/.*)$", line)
    return match and {"pid": int(match[1]), "ppid": int(match[2]), "name": match[3],
                      "agent": match[4] == "*", "version": match[5], "path": match[6]}


class ListTest(lib_gospy.TargetTest):
    def setUp(self):
        self.fixtures = []
        for build in lib_gospy.builds("states", variants=["default", "stripped", "sw", "pie"]):
            fixture = self.watch(lib_fixture.start(build))
            self.fixtures.append(fixture)

    def listed(self, *args, **options):
        return {p["pid"]: p for p in
                lib_gospy.run(*args, "--json", **options).expect(lib_gospy.OK).json()["processes"]}

    def test_json(self):
        for args in ((), ("list",)):
            processes = self.listed(*args)
            for fixture in self.fixtures:
                process = processes[fixture.pid]
                self.assertEqual(process["ppid"], os.getpid())
                self.assertEqual(process["exe"], os.readlink(f"/proc/{fixture.pid}/exe"))
                self.assertEqual(process.get("go_version"), fixture.ready["go"])
                self.assertEqual(process["comm"], "states")
                self.assertFalse(process["exe_deleted"])
            self.assertNotIn(os.getpid(), processes)
            self.assertEqual(list(processes), sorted(processes))

    def test_lines(self):
        head, *rest = lib_gospy.run("list", "--json=lines").expect(lib_gospy.OK).json_lines()
        self.assertEqual(head["type"], "process_list")
        self.assertLessEqual({f.pid for f in self.fixtures}, {p["pid"] for p in rest})

    def test_text(self):
        for args in ((), ("list",)):
            lines = lib_gospy.run(*args).expect(lib_gospy.OK).out.splitlines()
            rows = [columns(line) for line in lines]
            self.assertNotIn(None, rows)
            self.assertEqual([r["pid"] for r in rows], sorted(r["pid"] for r in rows))
            by_pid = {row["pid"]: row for row in rows}
            for fixture in self.fixtures:
                self.assertEqual(by_pid[fixture.pid], {
                    "pid": fixture.pid, "ppid": os.getpid(), "name": "states", "agent": False,
                    "version": fixture.ready["go"],
                    "path": os.readlink(f"/proc/{fixture.pid}/exe")})

    def test_deleted(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "gone (and) back")
            shutil.copy(lib_fixture.builds("states", variants=["default"])[-1].path, path)
            fixture = self.watch(lib_fixture.Fixture(path))
            os.unlink(path)
            process = self.listed("list")[fixture.pid]
            self.assertTrue(process["exe_deleted"])
            self.assertEqual(process["exe"], path)
            self.assertEqual(process["comm"], "gone (and) back"[:15])
            self.assertEqual(process["go_version"], fixture.ready["go"])
            goroutines = lib_gospy.summary(fixture.pid)["goroutines"]
            self.assertEqual(len(goroutines), fixture.ready["num_goroutine"])

    def test_agent(self):
        """An agent lives if its process listens on the port that its file names."""
        server = self.watch(lib_fixture.start(lib_gospy.builds("server")[-1]))
        port = server.ready["addr"].rsplit(":", 1)[1]
        with tempfile.TemporaryDirectory() as directory:
            for fixture in (server, self.fixtures[0]):
                with open(os.path.join(directory, str(fixture.pid)), "w", encoding="ascii") as f:
                    f.write(port)
            environment = {"GOPS_CONFIG_DIR": directory}
            processes = self.listed("list", env=environment)
            self.assertTrue(processes[server.pid]["agent"])
            self.assertFalse(processes[self.fixtures[0].pid]["agent"], "it does not listen there")
            text = lib_gospy.run("list", env=environment).out
            row = next(r for r in map(columns, text.splitlines()) if r["pid"] == server.pid)
            self.assertTrue(row["agent"])
            text = lib_gospy.run("tree", env=environment).out
            self.assertIn(f"── [*]  {server.pid} (server) ", text)

    def test_tree(self):
        text = lib_gospy.run("tree").expect(lib_gospy.OK).out
        self.assertTrue(text.startswith("...\n"))
        lines = text.splitlines()
        parent = next(i for i, line in enumerate(lines)
                      if re.fullmatch(rf"(│   |    )*[├└]── {os.getpid()}", line))
        indent = lines[parent].index(str(os.getpid())) + 4
        for fixture in self.fixtures:
            line = next(line for line in lines
                        if line.endswith(f"{fixture.pid} (states) {{{fixture.ready['go']}}}"))
            self.assertEqual(line.index(str(fixture.pid)), indent)
        document = lib_gospy.run("tree", "--json").expect(lib_gospy.OK).json()
        self.assertIn(str(self.fixtures[0].pid), json.dumps(document["processes"]))

    def test_tree_of_others(self):
        """Processes that are not Go's lead from one that is to another."""
        build = lib_gospy.builds("states")[-1]
        upper = self.watch(lib_fixture.Fixture(sys.executable, "-c", NEST, build.path))

        def chain():
            document = lib_gospy.run("tree", "--json").expect(lib_gospy.OK).json()
            nodes = document["processes"]
            for node in nodes:
                nodes.extend(node.get("children", ()))
            path = path_down(next(n for n in nodes if n["pid"] == upper.pid))
            return path if len(path) == 4 else None
        path = lib_gospy.wait_for(chain, "the descendant")
        self.assertEqual([node["go"] for node in path], [True, False, False, True])
        with open(f"/proc/{path[3]['pid']}/stat", encoding="ascii") as f:
            self.assertEqual(int(f.read().rsplit(")", 1)[1].split()[1]), path[2]["pid"])


    def test_note(self):
        """It counts the processes that may not be looked into; with -v it names them, and says why."""
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("only root can give up its rights, with setpriv")
        run = lib_gospy.run("list", prefix=nobody)
        if run.status == 127 or "setpriv" in run.err:
            self.skipTest(f"setpriv: {run.err}")
        self.assertRegex(run.expect(lib_gospy.OK).err,
                         r"^gospy: note: \d+ process(es are|is) left out that may not be looked into "
                         r"\(as root they may\); -v says which\n$")
        told = lib_gospy.run("list", "-v", prefix=nobody).expect(lib_gospy.OK).err
        for line in told.splitlines():
            self.assertRegex(line, r"^gospy: note: process \d+ \(.*\)( is left out)?: .")
        self.assertRegex(told, r"process 1 \(.*\) is left out: cannot .*; try: ")
        # Short: whatever there is, a reason that helps with one process is not given for all.
        self.assertNotIn("try:", lib_gospy.run("list").expect(lib_gospy.OK).err)


class TerminalTest(lib_gospy.TargetTest):
    """What a person gets; a pipe, and --gops, the lines of gops."""

    def setUp(self):
        self.fixture = self.watch(lib_fixture.start(lib_gospy.builds("server")[-1]))
        self.port = self.fixture.ready["addr"].rsplit(":", 1)[1]
        self.user = pwd.getpwuid(os.getuid()).pw_name

    def shown(self, *args, cols=120):
        terminal = Terminal([lib_gospy.GOSPY, *args], 200, cols)
        self.addCleanup(terminal.close)
        self.assertEqual(terminal.end(), lib_gospy.OK)
        return [line for line in terminal.screen.lines() if line]

    def test_list(self):
        pid = self.fixture.pid
        def same():
            """A server's goroutines come and go."""
            before = lib_gospy.run("stats", pid, "--json").json()["goroutines"]
            lines = self.shown("list", pid)
            after = lib_gospy.run("stats", pid, "--json").json()["goroutines"]
            return (before, lines) if before == after else None
        count, (titles, *rows) = lib_gospy.wait_for(same, "as many goroutines before and after")
        self.assertEqual([t for t in titles.split() if t != "CONTAINER"],
                         ["PID", "USER", "UPTIME", "GOROUTINES", "RSS", "LISTENS", "GO", "COMMAND"])
        self.assertEqual(len(rows), 1)
        self.assertRegex(rows[0], rf"^ *{pid}  {self.user} +\d+\w*s +{count}  +[\d.]+ MB  "
                                  rf":{self.port} .*{self.fixture.ready['go']} +server\b")
        _, *rows = self.shown()
        self.assertTrue(any(row.split()[0] == str(pid) for row in rows))
        for cols in (40, 60, 80):
            titles, row = self.shown("list", pid, cols=cols)
            self.assertLessEqual(len(row), cols)
            self.assertIn("GOROUTINES", titles)
            self.assertRegex(row, rf"^ *{pid} .*server")
        gops = lib_gospy.run("list", pid).expect(lib_gospy.OK).out.splitlines()
        self.assertEqual(self.shown("list", "--gops", pid, cols=300), gops)
        self.assertEqual(lib_gospy.run("list", "--gops", pid).out.splitlines(), gops)

    def test_json_has_what_a_terminal_shows(self):
        pid = self.fixture.pid
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as f:
            groups = [line.rstrip("\n").split(":", 2)[2] for line in f]

        def check(process):
            self.assertEqual(process["username"], self.user)
            self.assertEqual(process["cmdline"], " ".join(self.fixture.process.args))
            self.assertEqual(process["listeners"], [self.fixture.ready["addr"]])
            self.assertIn(process["cgroup"], groups)
            # The kernel keeps its counts of pages up to date at different times.
            most = 1024 * int(lib_gospy.status_fields(f"/proc/{pid}/status")["VmHWM"].split()[0])
            self.assertTrue(0 < process["rss"] < 2 * most, process)
            self.assertGreaterEqual(process["threads"], 1)
            self.assertGreater(process["elapsed_ns"], 0)
        document = lib_gospy.run("list", "--json", pid).expect(lib_gospy.OK).json()
        check(document["processes"][0])
        self.assertNotIn("goroutines", document["processes"][0])
        _, process = lib_gospy.run("list", "--json=lines", pid).expect(lib_gospy.OK).json_lines()
        check(process)
        nodes = lib_gospy.run("tree", "--json").expect(lib_gospy.OK).json()["processes"]
        for node in nodes:
            nodes.extend(node.get("children", ()))
        check(next(node for node in nodes if node["pid"] == pid))

    def test_json_counts(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("parked", ["default"])[-1], "-n", 7))
        run = lib_gospy.run("list", "--json", "--goroutines", fixture.pid).expect(lib_gospy.OK)
        count = run.json()["processes"][0].get("goroutines")
        if count is None:
            # A machine that was too busy: then it is said.
            self.assertRegex(run.err, r"goroutines of 1 process (were not|cannot be) counted")
        else:
            self.assertEqual(count, fixture.ready["num_goroutine"])
        refused = lib_gospy.run("list", "--goroutines").expect(lib_gospy.USAGE)
        self.assertRegex(refused.err, r"^gospy: --goroutines goes with --json; .*\n$")

    def test_budget(self):
        """A process that cannot be counted does not hold up the others."""
        other = self.watch(lib_fixture.start(lib_gospy.builds("states", ["sw"])[-1]))
        titles, *rows = self.shown("list", other.pid, self.fixture.pid)
        self.assertEqual(len(rows), 2)
        self.assertRegex(titles, "GOROUTINES")

    def test_process(self):
        pid = self.fixture.pid
        fields = {}
        sockets = []
        for line in self.shown(pid, cols=200):
            if line.startswith("  "):
                sockets.append(line.split())
            else:
                fields[line[:12].strip()] = line[12:]
        self.assertEqual(fields["process"], f"{pid} server, child of {os.getpid()}")
        self.assertEqual(fields["user"], self.user)
        self.assertEqual(fields["executable"], os.readlink(f"/proc/{pid}/exe"))
        self.assertRegex(fields["memory"], r"^[\d.]+ MB, [\d.]+% of this machine's$")
        self.assertEqual(sockets[0], ["LISTEN", self.fixture.ready["addr"]])
        states = [row[0] for row in sockets]
        self.assertEqual(fields["sockets"].split(", ")[0], f"{states.count('LISTEN')} LISTEN")
        order = [states.index(state) for state in dict.fromkeys(states)]
        self.assertEqual(order, sorted(order))
        self.assertEqual(sum(int(part.split()[0]) for part in fields["sockets"].split(", ")),
                         len(sockets))
        gops = {line.split(":\t")[0] for line in lib_gospy.run(pid).out.splitlines()}
        shown = {line.split(":")[0] for line in self.shown("process", "--gops", pid, cols=300)}
        self.assertEqual(shown, gops)


# Becomes its argument, which also runs as a descendant: two other processes are between them. The
# descendant reads from a pipe that ends with the first.
NEST = """
import os, sys
ours, kept = os.pipe()
os.set_inheritable(kept, True)
depth = 0
while depth < 3 and os.fork() == 0:
    depth += 1
if depth:
    os.close(kept)
if depth in (1, 2):
    os.wait()
    os._exit(0)
if depth == 3:
    os.dup2(ours, 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
os.execv(sys.argv[1], sys.argv[1:])
"""


def path_down(process):
    """From a process of the tree down to where there is more than one child, or none."""
    path = [process]
    while len(process.get("children", ())) == 1:
        process = process["children"][0]
        path.append(process)
    return path


class ProcessTest(lib_gospy.TargetTest):
    def test_process(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("server")[-1]))
        for args in ((fixture.pid,), ("process", fixture.pid), ("--pid", fixture.pid)):
            lines = lib_gospy.run(*args).expect(lib_gospy.OK).out.splitlines()
            facts = {}
            for line in lines:
                key, value = line.split(":\t", 1)
                facts.setdefault(key, []).append(value)
            self.assertEqual(list(facts), ["parent PID", "threads", "memory usage", "cpu usage",
                                           "username", "cmd+args", "elapsed time", "local/remote"])
            self.assertEqual(facts["parent PID"], [str(os.getpid())])
            self.assertEqual(facts["cmd+args"], [fixture.process.args[0]])
            self.assertRegex(facts["elapsed time"][0], r"^(\d\d:)?\d\d:\d\d$")
            listening = fixture.ready["addr"] + " <-> "
            self.assertTrue(any(v.startswith(listening) and v.endswith("(LISTEN)")
                                for v in facts["local/remote"]), facts)

    def test_sample(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("spin")[-1]))
        document = lib_gospy.run(fixture.pid, "200ms", "--json").expect(lib_gospy.OK).json()
        self.assertEqual(document["sample_ns"], 200000000)
        self.assertGreater(document["cpu_percent_sample"], 0)
        text = lib_gospy.run(fixture.pid, "100ms").expect(lib_gospy.OK).out
        self.assertRegex(text, r"\ncpu usage \(100ms\):\t[\d.]+%\n")


class VersionTest(lib_gospy.TargetTest):
    def test_version(self):
        def check(fixture):
            run = lib_gospy.run("version", fixture.pid).expect(lib_gospy.OK)
            self.assertEqual(run.out, fixture.ready["go"] + "\n")
        self.on_each(check, "states")
        self.on_each(check, "states", variants=["stripped", "sw"])

    def test_modules(self):
        """With -v, what `go version -m` says of the file."""
        go = self.go_tool()
        for build in lib_gospy.builds("states", variants=["default", "pie", "stripped"]):
            if build.minor < 13:
                continue  # before there was such a thing
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                expected = subprocess.run([go, "version", "-m", build.path], check=True,
                                          capture_output=True, text=True).stdout
                shown = lib_gospy.run("version", "-v", fixture.pid).expect(lib_gospy.OK).out
                self.assertEqual(f"{build.path}: {shown}", expected)

    def go_tool(self):
        """A go command that knows all forms of build information."""
        roots = [entry["goroot"] for entry in lib_fixture.manifest()["versions"]
                 if entry["goroot"] and int(entry["version"].split(".")[1]) >= 18]
        if not roots:
            self.skipTest("no Go 1.18 or newer")
        return os.path.join(roots[-1], "bin", "go")


def long_named(test, *args):
    """A fixture whose name is longer than the kernel's 15 bytes."""
    directory = tempfile.TemporaryDirectory()
    test.addCleanup(directory.cleanup)
    path = os.path.join(directory.name, "a-rather-long-name")
    shutil.copy(lib_fixture.builds("states", variants=["default"])[-1].path, path)
    return test.watch(lib_fixture.Fixture(path, *args))


class GopsTest(lib_gospy.TargetTest):
    """Held against gops itself: its lines, and perhaps more of them."""

    def setUp(self):
        with_agent, self.gops = lib_agent.real()
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.env = {"GOPS_CONFIG_DIR": self.directory.name}
        self.fixtures = [long_named(self), self.watch(lib_fixture.start(with_agent, env=self.env))]
        for build in lib_gospy.builds("states", variants=["default", "stripped", "cgo"]):
            # Before Go 1.13 there is no build information, by which gops goes.
            if build.minor >= 13:
                self.fixtures.append(self.watch(lib_fixture.start(build)))
        self.pids = [str(fixture.pid) for fixture in self.fixtures]

    def both(self, *args):
        # Other processes of the machine are listed as well, whatever their names.
        gops = subprocess.run([self.gops, *args], check=True, text=True, capture_output=True,
                              errors="surrogateescape",
                              env={**os.environ, **self.env, "LC_ALL": "C"}).stdout
        return gops.splitlines(), lib_gospy.run(*args, env=self.env).out.splitlines()

    def test_list(self):
        gops, gospy = ({tuple(line.split()) for line in lines if line.split()[0] in self.pids}
                       for lines in self.both())
        self.assertEqual(len(gops), len(self.pids))
        self.assertEqual(gospy, gops)

    def test_tree(self):
        def nodes(lines):
            stripped = (line.lstrip("│├└─\xa0 ") for line in lines)
            return {line for line in stripped if set(re.findall(r"\d+", line)) & set(self.pids)}
        gops, gospy = self.both("tree")
        self.assertEqual(len(nodes(gops)), len(self.pids))
        self.assertEqual(nodes(gospy), nodes(gops))
        self.assertEqual((gospy[0], gospy[-1]), (gops[0], gops[-1]))
        self.assertIn(str(os.getpid()), {line.lstrip("│├└─\xa0 ") for line in gops})
        self.assertIn(str(os.getpid()), {line.lstrip("│├└─ ") for line in gospy})

    def test_process(self):
        server = self.watch(lib_fixture.start(lib_gospy.builds("server")[-1], "-listen", "[::]:0",
                                              "-clients", 0))
        port = int(server.ready["addr"].rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("::1", port)):
            # Both processes are looked at once they have descriptors.
            lib_gospy.wait_for(
                lambda: sum("ESTABLISHED" in line for line in self.both(str(server.pid))[1]) == 2,
                "connections")
            for pid in (*self.pids, str(server.pid)):
                gops, gospy = (self.steady(lines) for lines in self.both(pid))
                self.assertEqual(gospy, gops)
                gops, gospy = (self.steady(lines) for lines in self.both("process", pid, "50ms"))
                self.assertEqual(gospy, gops)

    @staticmethod
    def steady(lines):
        """Sorted, without the numbers that grow."""
        return sorted(re.sub(r"^((?:cpu|memory) usage.*|elapsed time|threads):\t[\d.:%]+$", r"\1",
                             line) for line in lines)


def patch(path, offset, layout, value):
    """Write a number into a file."""
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(struct.pack(layout, value))


# Changes its directory as often as its first argument says, then becomes its second.
DESCEND = """
import os, sys
for _ in range(int(sys.argv[1])):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
os.link(sys.argv[2], "deep")
os.execv("./deep", ["deep"])
"""


class HostileTest(lib_gospy.TargetTest):
    """Files and processes that nothing can be read of: only of them is less known."""

    MEMORY = 1 << 30  # what gospy may take, reserved address space included

    def setUp(self):
        # The file is on tmpfs, where a file may claim to be of any size.
        self.directory = tempfile.TemporaryDirectory(dir="/dev/shm")
        self.addCleanup(self.directory.cleanup)
        self.build = lib_gospy.builds("states", ["default"])[-1]
        self.other = self.watch(lib_fixture.start(self.build))

    def copy(self, name):
        path = os.path.join(self.directory.name, name)
        shutil.copy(self.build.path, path)
        return path

    def start(self, *args):
        try:
            return self.watch(lib_fixture.Fixture(*args))
        except PermissionError:
            self.skipTest("nothing may be run in /dev/shm")

    def limited(self):
        """What to put before a command that may take so much memory only."""
        return () if lib_gospy.has_sanitizers() else ("prlimit", f"--as={self.MEMORY}")

    def look(self, fixture, **options):
        """That process in the list, where the other one must be, too."""
        for command in ("tree", "list"):
            run = lib_gospy.run(command, "--json=lines", **options).expect(lib_gospy.OK)
            processes = {p["pid"]: p for p in run.json_lines() if "pid" in p}
            self.assertEqual(processes[self.other.pid]["go_version"], self.other.ready["go"])
            self.assertNotIn("problem", processes[self.other.pid])
        return processes[fixture.pid]

    def test_endless_file(self):
        path = self.copy("endless")
        os.truncate(path, 1 << 60)
        fixture = self.start(path)
        self.assertEqual(self.look(fixture, prefix=self.limited())["go_version"], fixture.ready["go"])
        self.assertEqual(len(lib_gospy.summary(fixture.pid)["goroutines"]),
                         len(lib_gospy.summary(self.other.pid)["goroutines"]))

    def test_endless_headers(self):
        """Section header 0 says that there are 24 million, and there are."""
        path = self.copy("headers")
        with open(path, "rb") as f:
            sections = struct.unpack_from("<Q", f.read(64), 40)[0]  # e_shoff
        patch(path, 60, "<H", 0)                                    # e_shnum
        patch(path, sections + 32, "<Q", 24 << 20)                  # sh_size
        os.truncate(path, 2 << 30)
        fixture = self.start(path)
        self.assertEqual(self.look(fixture, prefix=self.limited())["go_version"], fixture.ready["go"])

    def test_path_too_long(self):
        """Longer than a page, so that the kernel does not tell it."""
        start = os.getcwd()
        self.addCleanup(os.chdir, start)
        os.chdir(self.directory.name)
        fixture = self.start(sys.executable, "-c", DESCEND, 25, self.copy("states"))
        os.chdir(start)
        process = self.look(fixture)
        self.assertEqual(process["go_version"], fixture.ready["go"])
        self.assertNotIn("exe", process)
        self.assertIn("File name too long", process["problem"])
        run = lib_gospy.run("list", "-v").expect(lib_gospy.OK)
        self.assertRegex(run.out, rf"(?m)^{fixture.pid} .* {fixture.ready['go']} +\?$")
        self.assertIn(f"process {fixture.pid} (deep): cannot read /proc/{fixture.pid}/exe: "
                      "File name too long", run.err)


class CrowdTest(lib_gospy.TargetTest):
    """What else there is on a machine."""

    def listed(self, *args):
        return {p["pid"]: p for p in
                lib_gospy.run("list", *args, "--json").expect(lib_gospy.OK).json()["processes"]}

    def test_long_name(self):
        fixture = long_named(self)
        process = self.listed()[fixture.pid]
        self.assertEqual(process["name"], "a-rather-long-name")
        self.assertEqual(process["comm"], "a-rather-long-n")
        self.assertNotIn("ns_pid", process)
        many = long_named(self, "--", *["x" * 1000] * 1000)
        self.assertEqual(self.listed()[many.pid]["name"], "a-rather-long-name")

    @unittest.skipIf(os.geteuid(), "only root makes namespaces")
    def test_pid_namespace(self):
        """In a container: both pids."""
        build = lib_gospy.builds("states")[-1]
        outer = subprocess.Popen(["unshare", "--pid", "--fork", "--mount-proc", build.path],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            if not outer.stdout.readline():
                self.skipTest("PID namespaces are not permitted here")
            with open(f"/proc/{outer.pid}/task/{outer.pid}/children", encoding="ascii") as f:
                pid = int(f.read())
            self.assertEqual(self.listed()[pid]["ns_pid"], 1)
            self.assertIn("PID in its namespace:\t1\n", lib_gospy.run(pid).expect(lib_gospy.OK).out)
            document = lib_gospy.run(pid, "--json").expect(lib_gospy.OK).json()
            self.assertEqual((document["pid"], document["ns_pid"]), (pid, 1))
        finally:
            outer.stdin.close()
            outer.wait()
            outer.stdout.close()

    def test_dead(self):
        """Zombies are not listed, a process whose first thread has ended is."""
        build = lib_gospy.builds("states")[-1]
        zombie = subprocess.Popen([build.path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        # All threads of the process have ended then.
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        self.assertNotIn(zombie.pid, self.listed())
        zombie.wait()
        self.assertIn("no process", lib_gospy.run(zombie.pid).expect(lib_gospy.NO_TARGET).err)
        build = lib_gospy.builds("threads")[-1]
        fixture = self.watch(lib_fixture.start(build, "-deadleader"))
        process = self.listed()[fixture.pid]
        self.assertEqual(process["go_version"], fixture.ready["go"])
        self.assertEqual(process["exe"], os.path.realpath(build.path))
        document = lib_gospy.run(fixture.pid, "--json").expect(lib_gospy.OK).json()
        self.assertGreater(document["memory_percent"], 0)

    def test_32_bits(self):
        """Nothing else can be read of such a program."""
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("parked", ["386"])[-1]))
        self.assertEqual(self.listed()[fixture.pid]["go_version"], fixture.ready["go"])
        run = lib_gospy.run("version", fixture.pid).expect(lib_gospy.OK)
        self.assertEqual(run.out, fixture.ready["go"] + "\n")

    def test_packed(self):
        """A program that unpacks itself, of which no file tells that it is Go."""
        unpack = lib_gospy.builds("unpack", ["default"])[0].path
        build = lib_gospy.builds("states", ["default"])[-1]
        fixture = self.watch(lib_fixture.Fixture(unpack, build.path))
        process = self.listed()[fixture.pid]
        self.assertEqual(process["go_version"], fixture.ready["go"])
        self.assertEqual(process["exe"], os.path.realpath(unpack))

    def test_comings_and_goings(self):
        """Those that end while they are listed are left out, and the rest is there."""
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("states")[-1]))
        build = lib_gospy.builds("states")[-1]
        churn = subprocess.Popen(
            ["sh", "-c", 'while :; do "$1" </dev/null >/dev/null; done', "sh", build.path])
        try:
            for command in ("list", "tree"):
                for _ in range(20):
                    gospy = lib_gospy.run(command).expect(lib_gospy.OK)
                    self.assertIn(str(fixture.pid), gospy.out)
        finally:
            churn.terminate()
            churn.wait()

    def test_many(self):
        """So many that they are shared by threads: each is listed, and once."""
        build = lib_gospy.builds("states")[-1]
        some = [self.watch(lib_fixture.start(build)) for _ in range(3)]
        code = ("import os, signal, sys\n"
                "for _ in range(1500):\n"
                "    if os.fork() == 0:\n"
                "        signal.pause()\n"
                "print('ready', flush=True)\n"
                "sys.stdin.read()\n"
                "os.killpg(0, signal.SIGKILL)\n")
        crowd = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, start_new_session=True)
        try:
            if not crowd.stdout.readline():
                self.skipTest("not so many processes may be started")
            listed = lib_gospy.run("list", "--json").expect(lib_gospy.OK).json()["processes"]
            pids = [p["pid"] for p in listed]
            self.assertEqual(pids, sorted(set(pids)))
            self.assertLessEqual({f.pid for f in some}, set(pids))
        finally:
            crowd.stdin.close()
            crowd.wait()
            crowd.stdout.close()


if __name__ == "__main__":
    lib_gospy.main()
