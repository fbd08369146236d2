"""The client of gops's agent: against an agent of our own, against ones that lie, and against the
real one, whose answers gops's own client must see as gospy does."""
import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

import lib_agent
import lib_fixture
import lib_gospy
from lib_agent import Agent
from lib_gospy import ERROR, NO_TARGET, OK, USAGE, run

HERE = os.path.dirname(os.path.abspath(__file__))
VERBS = ("gc", "trace", "pprof-cpu", "pprof-heap")


class DirectoryTest(lib_gospy.TargetTest):
    """Has a directory for port files, in which gospy and its targets look."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.env = {"GOPS_CONFIG_DIR": self.directory, "TZ": "UTC"}

    def agent(self, answer=None):
        agent = Agent(answer)
        self.addCleanup(agent.close)
        return agent

    def port_file(self, pid, content):
        path = os.path.join(self.directory, str(pid))
        with open(path, "w", encoding="ascii") as f:
            f.write(str(content))
        return path

    def run(self, *args, **kwargs):
        # unittest's own, which is called with a result.
        if args and not isinstance(args[0], unittest.TestResult):
            return run(*args, env=self.env, **kwargs)
        return super().run(*args, **kwargs)


class ProtocolTest(DirectoryTest):
    """By address, and by the pid of this very process, which has the agent in it."""

    def test_text(self):
        agent = self.agent()
        self.port_file(os.getpid(), f"{agent.port}\n")
        for target in (*agent.addresses, os.getpid()):
            for args, verb in ((("stack", "--agent"), lib_agent.STACK),
                               (("version", "--agent"), lib_agent.VERSION)):
                out = self.run(*args, target).expect(OK).out
                self.assertEqual(out.encode(), lib_agent.TEXTS[verb])
                self.assertEqual(agent.requests[-1], bytes([verb]))

    def test_gc(self):
        agent = self.agent()
        self.assertEqual(self.run("gc", agent.address).expect(OK).out, "")
        self.assertEqual(agent.requests, [b"\x02"])

    def test_setgc(self):
        agent = self.agent()
        before = 100
        for word, percent in (("50", 50), ("off", -1), ("OFF", -1), ("0", 0), ("63", 63),
                              ("64", 64), ("2147483647", 2147483647)):
            out = self.run("setgc", agent.address, word).expect(OK).out
            self.assertEqual(out, f"New GC percent set to {percent}. "
                                  f"Previous value was {before}.\n")
            self.assertEqual(agent.percent, percent)
            before = percent
        for words in ((), ("x",), ("2147483648",), ("5", "6")):
            self.run("setgc", agent.address, *words).expect(USAGE)
        self.assertEqual(agent.percent, before)

    def test_json(self):
        agent = self.agent()
        path = self.port_file(os.getpid(), agent.port)
        answer = self.run("setgc", os.getpid(), "50", "--json").expect(OK).json()
        self.assertEqual(answer, {
            "schema_version": 1, "type": "agent_answer", "command": "setgc", "pid": os.getpid(),
            "address": agent.address, "port_file": path,
            "answer": "New GC percent set to 50. Previous value was 100.\n"})
        answer = self.run("gc", agent.address, "--json").expect(OK).json()
        self.assertEqual(answer, {"schema_version": 1, "type": "agent_answer", "command": "gc",
                                  "address": agent.address})

    def test_files(self):
        agent = self.agent()
        for command, content, tool in (("trace", lib_agent.TEXTS[lib_agent.TRACE], "trace"),
                                       ("pprof-cpu", lib_agent.profile(), "pprof"),
                                       ("pprof-heap", lib_agent.profile(), "pprof")):
            path = os.path.join(self.directory, command)
            shown = self.run(command, agent.address, "-o", path).expect(OK)
            self.assertIn(f"go tool {tool} {path}", shown.out)
            with open(path, "rb") as f:
                self.assertEqual(f.read(), content)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o666 & ~umask())
            document = self.run(command, agent.address, "-o", path, "--json").expect(OK).json()
            self.assertEqual((document["file"], document["file_bytes"]), (path, len(content)))
            with open(path, "rb") as f:
                self.assertEqual(f.read(), content)
            piped = subprocess.run([lib_gospy.GOSPY, command, agent.address, "-o", "-"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
            self.assertEqual(piped.stdout, content)
        self.assertEqual(sorted(os.listdir(self.directory)), ["pprof-cpu", "pprof-heap", "trace"])
        link = os.path.join(self.directory, "link")
        os.symlink("trace", link)
        self.run("pprof-heap", agent.address, "-o", link).expect(OK)
        self.assertTrue(os.path.islink(link))
        with open(link, "rb") as f:
            self.assertEqual(f.read(), lib_agent.profile())
        self.run("trace", agent.address, "-o", self.directory).expect(USAGE)
        full = self.run("pprof-heap", agent.address, "-o", "/dev/full").expect(ERROR)
        self.assertEqual(full.err, "gospy: cannot write /dev/full: No space left on device\n")

    @unittest.skipIf(os.geteuid(), "only root can be led astray")
    def test_planted_link(self):
        """Another user's, in a directory like /tmp, that leads to a file of root's."""
        agent = self.agent()
        shared = os.path.join(self.directory, "shared")
        secret = os.path.join(self.directory, "secret")
        link = os.path.join(shared, "out")
        os.mkdir(shared)
        os.chmod(shared, 0o1777)
        with open(secret, "w", encoding="ascii") as f:
            f.write("secret")
        os.chmod(secret, 0o600)
        os.symlink(secret, link)
        os.chown(link, 4711, 4711, follow_symlinks=False)
        gospy = self.run("pprof-heap", agent.address, "-o", link).expect(USAGE)
        self.assertIn("a link on the way to it may be another user's", gospy.err)
        self.assertTrue(os.path.islink(link))
        self.assertEqual(stat.S_IMODE(os.stat(secret).st_mode), 0o600)
        with open(secret, encoding="ascii") as f:
            self.assertEqual(f.read(), "secret")
        self.assertEqual(os.listdir(shared), ["out"])

    def test_no_room(self):
        """Files may be no longer than 4 bytes, as on a full disk: nothing of the file stays."""
        agent = self.agent()
        path = os.path.join(self.directory, "out")
        gospy = self.run("trace", agent.address, "-o", path, prefix=("prlimit", "--fsize=4"))
        self.assertEqual(gospy.expect(ERROR).err.splitlines()[-1],
                         f"gospy: cannot write {path}: File too large")
        self.assertEqual(os.listdir(self.directory), [])

    def test_default_name(self):
        agent = self.agent()
        gospy = subprocess.run([lib_gospy.GOSPY, "pprof-heap", agent.address], check=True,
                               capture_output=True, text=True, cwd=self.directory)
        name, = os.listdir(self.directory)
        self.assertRegex(name, rf"^heap-127\.0\.0\.1_{agent.port}-\d{{8}}-\d{{6}}-[0-9a-f]{{8}}\.pb\.gz$")
        self.assertIn(name, gospy.stdout)

    def test_words_of_the_agent_are_escaped(self):
        agent = self.agent(lib_agent.sends(b"go\x1b[31m1.9\xff\n"))
        self.assertEqual(self.run("version", "--agent", agent.address).out,
                         "go\\x1b[31m1.9\\xff\n")

    def test_usage(self):
        for args in (("gc",), ("gc", "1:2:x"), ("gc", "a:0"), ("gc", "a:65536"),
                     ("stack", "--agent", "1", "--goid", "1"), ("stack", "a:1"),
                     ("stack", "--timeout", "1s", "1"), ("trace", "1", "2")):
            self.run(*args).expect(USAGE)
        self.assertIn("--agent", self.run("stack", "a:1").err)
        self.run("gc", "no-such-program").expect(NO_TARGET)
        unknown = self.run("gc", "no.such.host.invalid:1", "--timeout", "30s").expect(ERROR).err
        self.assertRegex(unknown, "no host|could not be looked up")


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


class LiarsTest(DirectoryTest):
    """Whatever an agent does, there is a clear error in time, and nothing is left behind."""

    def fails(self, answer, words, *args):
        agent = self.agent(answer)
        # Those that keep gospy waiting do so for ever; the others are done, whenever that is.
        timeout = "1s" if answer in (lib_agent.silent, lib_agent.drip) else f"{lib_gospy.HANG}s"
        gospy = self.run(*args, agent.address, "--timeout", timeout).expect(ERROR)
        self.assertEqual(gospy.out, "")
        self.assertEqual(len(gospy.err.splitlines()), 1 + ("note:" in gospy.err))
        self.assertIn(words, gospy.err)
        self.assertIn(agent.address, gospy.err)
        agent.close()

    def fails_all(self, answer, words, verbs=("version", "stack", "gc", "pprof-heap")):
        for verb in verbs:
            path = os.path.join(self.directory, "saved")
            with self.subTest(verb=verb):
                if verb in ("version", "stack"):
                    self.fails(answer, words, verb, "--agent")
                elif verb == "gc":
                    self.fails(answer, words, verb)
                else:
                    self.fails(answer, words, verb, "-o", path)
            self.assertEqual(os.listdir(self.directory), [])

    def test_silent(self):
        self.fails_all(lib_agent.silent, "no answer in time")

    def test_drip(self):
        self.fails_all(lib_agent.drip, "too slowly", verbs=("version", "stack"))

    def test_early(self):
        self.fails_all(lib_agent.early, "without an answer")

    def test_reset(self):
        self.fails_all(lib_agent.reset, "the connection broke", verbs=("version", "stack"))

    def test_cut_off(self):
        self.fails_all(lib_agent.sends(b"goroutine 1 [running]:\nma"), "not all of it",
                       verbs=("version", "stack"))
        self.fails_all(lib_agent.sends(lib_agent.profile()[:-9]), "not all of it",
                       verbs=("pprof-heap",))
        self.fails_all(lib_agent.sends(b"o"), "not \"ok\"", verbs=("gc",))
        self.fails_all(lib_agent.sends(b"okay"), "longer than", verbs=("gc",))

    def test_garbage(self):
        for garbage in (b"\x00" * 300, b"HTTP/1.1 400 Bad Request\r\n\r\n", os.urandom(5000)):
            self.fails_all(lib_agent.sends(garbage), "not")
        flipped = bytearray(lib_agent.profile())
        flipped[3000] ^= 1
        self.fails_all(lib_agent.sends(bytes(flipped)), "not", verbs=("pprof-heap",))
        self.fails_all(lib_agent.sends(lib_agent.profile() + b"x"), "not", verbs=("pprof-heap",))

    def test_trace_is_none(self):
        self.fails_all(lib_agent.sends(b"go 2 nothing"), "not a trace", verbs=("trace",))

    def test_endless(self):
        self.fails_all(lib_agent.endless, "longer than", verbs=("version",))
        self.fails_all(lib_agent.endless, "is not", verbs=("gc", "pprof-heap"))

    def test_endless_stack(self):
        """65 MiB are as much as it keeps, twice that while its buffer grows."""
        agent = self.agent(lib_agent.endless)
        gospy = subprocess.Popen([lib_gospy.GOSPY, "stack", "--agent", agent.address],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        error = gospy.stderr.read()
        gospy.stderr.close()
        _, status, used = os.wait4(gospy.pid, 0)
        gospy.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(gospy.returncode, ERROR)
        self.assertIn("longer than", error)
        self.assertLess(used.ru_maxrss, 400 << 10)

    def test_nobody(self):
        with socket.create_server(("127.0.0.1", 0)) as gone:
            address = "%s:%d" % gone.getsockname()
        self.assertIn("Connection refused", self.run("gc", address).expect(ERROR).err)

    def test_signal(self):
        """Ctrl-C while it waits: no word, and no file."""
        for number in (signal.SIGINT, signal.SIGTERM):
            agent = self.agent(lib_agent.silent)
            path = os.path.join(self.directory, "trace")
            gospy = subprocess.Popen([lib_gospy.GOSPY, "trace", "-q", agent.address,
                                      "--timeout", "1h", "-o", path],
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            lib_gospy.wait_for(lambda agent=agent: agent.requests, "the request")
            gospy.send_signal(number)
            out, _ = gospy.communicate(timeout=lib_gospy.HANG)
            self.assertEqual((out, gospy.returncode), (b"", 128 + number))
            self.assertEqual(os.listdir(self.directory), [])


class PortFileTest(DirectoryTest):
    """What stands in for a port file, and what a port file leads to."""

    def setUp(self):
        super().setUp()
        self.pid = os.getpid()
        self.path = os.path.join(self.directory, str(self.pid))

    def fails(self, words, pid=None, status=ERROR):
        gospy = self.run("gc", pid or self.pid).expect(status)
        self.assertIn(words, gospy.err)
        self.assertIn(self.directory, gospy.err)

    def test_content(self):
        for content in ("", "x", "-1", "0", "65536", "12x", "1 2", "4294967297", "9" * 100000):
            self.port_file(self.pid, content)
            self.fails("does not hold a port number")

    def test_kinds(self):
        elsewhere = os.path.join(self.directory, "elsewhere")
        with self.agent() as agent:
            with open(elsewhere, "w", encoding="ascii") as f:
                f.write(str(agent.port))
            for make in (lambda: os.symlink(elsewhere, self.path), lambda: os.mkfifo(self.path),
                         lambda: os.mkdir(self.path)):
                make()
                self.fails("is not a regular file")
                (os.rmdir if os.path.isdir(self.path) else os.unlink)(self.path)
            self.assertEqual(agent.connections, 0)

    @unittest.skipIf(os.geteuid(), "only root can give a file away")
    def test_of_another_user(self):
        with self.agent() as agent:
            os.chown(self.port_file(self.pid, agent.port), 12345, 12345)
            self.fails("belongs to another user")
            self.assertEqual(agent.connections, 0)

    def test_stale(self):
        """The port is of somebody else by now, to whom not a byte is sent."""
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("states")[-1]))
        with self.agent() as stranger:
            self.port_file(fixture.pid, stranger.port)
            self.fails("stale", pid=fixture.pid)
            self.assertEqual(stranger.connections, 0)
            listed = self.run("list", "--json").expect(OK).json()["processes"]
            self.assertFalse(next(p for p in listed if p["pid"] == fixture.pid)["agent"])
            self.assertEqual(stranger.connections, 0)

    def test_dead(self):
        with subprocess.Popen(["true"]) as child:
            child.wait()
        self.port_file(child.pid, 1)
        self.fails("has left the port file", pid=child.pid, status=NO_TARGET)

    def test_none(self):
        """What listens, but is not known to be an agent, is left alone; and there is advice."""
        with self.agent() as server:
            for command in VERBS:
                gospy = self.run(command, self.pid).expect(ERROR)
                self.assertIn("no gops agent", gospy.err)
                self.assertIn("net/http/pprof", gospy.err)
            advice = self.run("setgc", self.pid, "100").expect(ERROR).err
            self.assertIn("debug.SetGCPercent", advice)
            self.assertEqual(server.connections, 0)

    def test_variables_of_the_process(self):
        """The directory is that of the variables of the process, if gospy's tell nothing."""
        self.env = {"GOPS_CONFIG_DIR": ""}
        with tempfile.TemporaryDirectory() as home:
            for variables, place in (({"GOPS_CONFIG_DIR": home}, ""),
                                     ({"XDG_CONFIG_HOME": home}, "gops"),
                                     ({"HOME": home}, ".config/gops")):
                directory = os.path.join(home, place)
                os.makedirs(directory, exist_ok=True)
                clean = {k: v for k, v in os.environ.items()
                         if k not in ("GOPS_CONFIG_DIR", "XDG_CONFIG_HOME")}
                with started([], directory, {**clean, **variables}) as (pid, _):
                    self.run("gc", pid).expect(OK)

    def test_relative(self):
        """A relative directory is the target's."""
        clean = {k: v for k, v in os.environ.items() if k != "XDG_CONFIG_HOME"}
        self.env = {"GOPS_CONFIG_DIR": ""}
        os.mkdir(os.path.join(self.directory, "d"))
        with started([], "d", {**clean, "GOPS_CONFIG_DIR": "d"}, cwd=self.directory) as (pid, _):
            self.run("gc", pid).expect(OK)


@contextlib.contextmanager
def started(prefix, directory, env, cwd=None, options=()):
    """The agent of ours as a process of its own: its pid here, and what it says."""
    script = os.path.join(HERE, "lib_agent.py")
    process = subprocess.Popen([*prefix, sys.executable, "-B", script, directory, *options],
                               env=env, cwd=cwd, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if not line:
            raise unittest.SkipTest(f"{' '.join(prefix)}: not permitted here")
        ready = json.loads(line)
        yield pid_of(process.pid, ready["pid"]), ready
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def pid_of(pid, own):
    """The descendant of `pid` (or itself) that is called `own` in its namespace."""
    while True:
        names = lib_gospy.status_fields(f"/proc/{pid}/status")["NSpid"].split()
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            children = f.read().split()
        if int(names[-1]) == own and not children:
            return pid
        pid = int(children[0])


@unittest.skipIf(os.geteuid(), "only root makes namespaces")
class NamespaceTest(DirectoryTest):
    """An agent as in a container."""

    def test_network(self):
        """Whoever has the same port here is not confused with it."""
        env = {**os.environ, **self.env}
        with started(["unshare", "--net"], self.directory, env) as (pid, ready):
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", ready["port"])):
                self.assertEqual(self.run("version", "--agent", pid).expect(OK).out, "go1.99\n")
            found = self.run("gc", pid, "--json").expect(OK).json()
            self.assertEqual(found["address"], f"127.0.0.1:{ready['port']}")
            drop = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
            if subprocess.run([*drop, "true"], check=False, capture_output=True).returncode:
                self.skipTest("no setpriv")
            refused = self.run("gc", pid, prefix=drop).expect(lib_gospy.PERMISSION)
            self.assertIn("network namespace", refused.err)

    def test_network_of_a_thread(self):
        env = {**os.environ, **self.env}
        with started([], self.directory, env, options=["--thread"]) as (pid, ready):
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", ready["port"])):
                self.assertEqual(self.run("version", "--agent", pid).expect(OK).out, "go1.99\n")
            document = self.run("process", pid, "--json").expect(OK).json()
            self.assertEqual([(s["local"], s["state"]) for s in document["sockets"]],
                             [(f"127.0.0.1:{ready['port']}", "LISTEN")])
            self.assertEqual(document["other_sockets"], 0)

    def test_pids_and_mounts(self):
        """The port file is called as the process sees itself, where only the process sees it."""
        self.env = {"GOPS_CONFIG_DIR": ""}
        env = {**os.environ, "GOPS_CONFIG_DIR": "/run/gops-of-a-container"}
        script = ("mount -t tmpfs none /run && mkdir /run/gops-of-a-container && "
                  "ln -s /run/gops-of-a-container /run/link && exec \"$@\"")
        prefix = ["unshare", "--pid", "--fork", "--mount", "--mount-proc", "sh", "-c", script, "sh"]
        for directory in ("/run/gops-of-a-container", "/run/link"):
            env["GOPS_CONFIG_DIR"] = directory
            with started(prefix, directory, env) as (pid, ready):
                self.assertEqual(ready["pid"], 1)
                found = self.run("version", pid, "--agent", "--json").expect(OK).json()
                self.assertEqual(found["answer"], "go1.99\n")
                self.assertEqual(found["port_file"], f"/proc/{pid}/root{directory}/1")
        self.assertFalse(os.path.exists("/run/gops-of-a-container"))


class RealTest(DirectoryTest):
    """The agent of gops itself. What gospy prints is what gops prints."""

    @classmethod
    def setUpClass(cls):
        cls.build, cls.gops = lib_agent.real()
        goroot = next(v["goroot"] for v in lib_fixture.manifest()["versions"]
                      if v["version"] == cls.build.version)
        cls.go = os.path.join(goroot, "bin", "go")
        # Thirty seconds, which the other tests use.
        cls.long = RealTest("tool")
        cls.long.setUp()
        cls.profiled = lib_fixture.start(cls.build, env=cls.long.env)
        cls.profile = os.path.join(cls.long.directory, "cpu.pb.gz")
        cls.profiler = subprocess.Popen(
            [lib_gospy.GOSPY, "pprof-cpu", "-q", str(cls.profiled.pid), "-o", cls.profile],
            env={**os.environ, **cls.long.env}, stdout=subprocess.PIPE, text=True)

    @classmethod
    def tearDownClass(cls):
        cls.profiler.kill()
        cls.profiler.communicate()
        cls.profiled.close()
        cls.long.doCleanups()

    def real(self, *args):
        return self.watch(lib_fixture.start(self.build, *args, env=self.env))

    def client(self, *args):
        return subprocess.run([self.gops, *(str(a) for a in args)], check=True, text=True,
                              capture_output=True, env={**os.environ, **self.env}).stdout

    def tool(self, *args):
        return subprocess.run([self.go, "tool", *args], check=True, text=True, capture_output=True,
                              env={**os.environ, "GOTOOLCHAIN": "local"}).stdout

    def test_old(self):
        """As built by the oldest Go that can."""
        old = lib_gospy.builds("agent", variants=["default"])[0]
        fixture = self.watch(lib_fixture.start(old, env=self.env))
        self.assertEqual(self.run("version", "--agent", fixture.pid).expect(OK).out,
                         fixture.ready["go"] + "\n")
        self.run("setgc", fixture.pid, "10").expect(OK)

    def test_version(self):
        fixture = self.real()
        expected = self.client("version", fixture.pid)
        self.assertEqual(expected, fixture.ready["go"] + "\n")
        self.assertEqual(self.run("version", "--agent", fixture.pid).expect(OK).out, expected)

    def test_stack(self):
        def calls(text):
            # The one that burns is somewhere else each time.
            return [(g["goid"] if g["frames"][-1]["func"] == "main.main" else 0,
                     [f["func"] for f in g["frames"]])
                    for g in lib_fixture.parse_traceback(text)
                    if g["frames"][-1]["func"] != "main.burn"]
        fixture = self.real()
        self.assertEqual(calls(self.run("stack", "--agent", fixture.pid).expect(OK).out),
                         calls(self.client("stack", fixture.pid)))

    def test_stats(self):
        """The same from gops, from its agent through gospy, and from gospy alone."""
        fixture = self.real()

        def answers():
            """What all say, if gops says the same before and after: a runtime at work starts a
            thread now and then."""
            before = self.client("stats", fixture.pid)
            shown = [self.run("stats", *options, fixture.pid).expect(OK).out
                     for options in (("--agent",), ())]
            return before == self.client("stats", fixture.pid) and (before, shown)
        own, shown = lib_gospy.wait_for(answers, "two equal answers of gops")
        self.assertEqual(shown, [own, own])

    def test_memstats(self):
        """The same lines; most of the values change with each answer."""
        def names(text):
            return [line.split(": ")[0] for line in text.splitlines()]

        def steady(text):
            return [line for line in text.splitlines()
                    if line.split(":")[0] in ("lookups", "num-forced-gc", "enable-gc", "debug-gc")]
        fixture = self.real()
        own = self.client("memstats", fixture.pid)
        for options in (("--agent",), ()):
            shown = self.run("memstats", *options, fixture.pid).expect(OK).out
            self.assertEqual(names(shown), names(own))
            self.assertEqual(steady(shown), steady(own))

    def test_gc(self):
        fixture = self.real()
        before = fixture.ask("memstats")["NumForcedGC"]
        self.assertEqual(self.run("gc", fixture.pid).expect(OK).out, "")
        self.assertEqual(fixture.ask("memstats")["NumForcedGC"], before + 1)

    def test_setgc(self):
        fixture = self.real("-gogc", 77)
        before = 77
        for client, value in ((self.run, "50"), (self.client, "60"), (self.run, "off"),
                              (self.run, "100")):
            said = client("setgc", fixture.pid, value)
            percent = -1 if value == "off" else int(value)
            self.assertEqual(getattr(said, "out", said), f"New GC percent set to {percent}. "
                                                         f"Previous value was {before}.\n")
            before = percent

    def test_heap(self):
        fixture = self.real()
        path = os.path.join(self.directory, "heap.pb.gz")
        self.run("pprof-heap", fixture.pid, "-o", path).expect(OK)
        top = self.tool("pprof", "-top", "-sample_index=inuse_space", path)
        self.assertRegex(top, r"(?m)^ *[\d.]+[kM]B .* main\.main$")

    def test_trace(self):
        fixture = self.real()
        path = os.path.join(self.directory, "trace.out")
        self.run("trace", fixture.pid, "-o", path).expect(OK)
        # What it is asked to print has another name in older versions.
        shown = self.tool("trace", "-d=parsed" if self.build.minor >= 22 else "-d", path)
        self.assertRegex(shown, r"main\.burn|GoCreate|ProcStart")

    def test_no_file(self):
        """Without a port file the agent is found among the ports that its process listens on."""
        fixture = self.real("-other")
        os.unlink(os.path.join(self.directory, str(fixture.pid)))
        gospy = self.run("setgc", fixture.pid, "44", "--json", "--timeout", "4s").expect(OK)
        self.assertIn("Previous value was 100.", gospy.json()["answer"])
        self.assertNotEqual(gospy.json()["address"], fixture.ready["other"])
        self.assertNotIn("port_file", gospy.json())
        self.assertIn("found by the ports", gospy.err)

    def test_stale_file(self):
        fixture = self.real()
        self.port_file(fixture.pid, 1)
        gospy = self.run("gc", fixture.pid).expect(OK)
        self.assertIn("stale", gospy.err)
        self.assertIn("found by the ports", gospy.err)

    def test_read_only(self):
        """All addresses, and a directory that is not where gospy looks."""
        with tempfile.TemporaryDirectory() as other:
            fixture = self.watch(lib_fixture.start(self.build, "-addr", "0.0.0.0:0",
                                                   env={"GOPS_CONFIG_DIR": other}))
            self.run("gc", fixture.pid).expect(OK)

    def test_zz_cpu(self):
        """The last one, so that the thirty seconds have gone by."""
        out, _ = self.profiler.communicate(timeout=lib_gospy.HANG)
        self.assertEqual(self.profiler.returncode, OK)
        self.assertIn(f"go tool pprof {self.profile}", out)
        self.assertIn("main.burn", self.tool("pprof", "-top", self.profile))


if __name__ == "__main__":
    lib_gospy.main()
