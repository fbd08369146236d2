"""What gospy says when it cannot do what it is asked: one line with the cause, and its status."""
import os
import re
import shutil
import subprocess
import tempfile

import compare
import lib_fixture
import lib_gospy


def one(name, variant="default"):
    return lib_gospy.builds(name, variants=[variant])[-1]


class ErrorTest(lib_gospy.TargetTest):
    def refused(self, status, *args, **options):
        """gospy must end with this status and one line on stderr, which is returned; with --json
        it must say the same in an error object."""
        run = lib_gospy.run(*args, **options).expect(status)
        self.assertEqual(run.out, "")
        self.assertRegex(run.err, r"^gospy: [^\n]+\n$")
        document = lib_gospy.run(*args, "--json", **options).expect(status).json()
        self.assertEqual(document["schema_version"], 1)
        self.assertEqual(document["error"]["exit_status"], status)
        self.assertIn(document["error"]["message"], run.err)
        return run.err

    def target(self, name, variant="default", *args):
        return self.watch(lib_fixture.start(one(name, variant), *args))


class TargetErrorTest(ErrorTest):
    def test_no_such_process(self):
        ended = subprocess.Popen(["true"])
        ended.wait()
        for command in ("summary", "stats", "memstats", "heap", "version"):
            self.assertIn(str(ended.pid), self.refused(lib_gospy.NO_TARGET, command, ended.pid))

    def test_not_go(self):
        for name in ("notgo", "notgo-magic"):
            with self.subTest(name=name):
                fixture = self.target(name)
                message = self.refused(lib_gospy.NO_TARGET, "summary", fixture.pid)
                self.assertIn("Go", message)

    def test_32_bit(self):
        fixture = self.target("parked", "386", "-n", "10")
        for command in ("summary", "stats", "memstats", "heap"):
            self.assertIn("32-bit", self.refused(lib_gospy.ERROR, command, fixture.pid))

    def test_zombie(self):
        child = subprocess.Popen(["true"])
        lib_gospy.wait_for(lambda: lib_gospy.status_fields(f"/proc/{child.pid}/status")["State"][0]
                           == "Z", "a zombie")
        self.refused(lib_gospy.NO_TARGET, "summary", child.pid)
        child.wait()


class PermissionTest(ErrorTest):
    def setUp(self):
        if os.getuid() != 0:
            self.skipTest("only root can give up its rights")
        if not shutil.which("setpriv"):
            self.skipTest("no setpriv")
        self.nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        try:
            lib_gospy.run("--version", prefix=self.nobody).expect(lib_gospy.OK)
        except AssertionError:
            self.skipTest("another user cannot run the program where it is")

    def test_other_user(self):
        fixture = self.target("states")
        for options in ((), ("--non-blocking",)):
            message = self.refused(lib_gospy.PERMISSION, "summary", fixture.pid, *options,
                                   prefix=self.nobody)
            self.assertRegex(message, "user|uid|owner")
            self.assertRegex(message, "root|sudo|CAP_SYS_PTRACE")

    def test_one_capability(self):
        """CAP_SYS_PTRACE opens no files: the message must not blame what has no part in it."""
        fixture = self.target("states")
        def with_caps(*names):
            caps = ",".join("+" + name for name in names)
            return [*self.nobody, "--inh-caps=" + caps, "--ambient-caps=" + caps]
        if subprocess.run([*with_caps("sys_ptrace"), "true"], check=False).returncode:
            self.skipTest("no ambient capabilities here")
        for command in ("summary", "version", "stack"):
            message = self.refused(lib_gospy.PERMISSION, command, fixture.pid,
                                   prefix=with_caps("sys_ptrace"))
            self.assertIn("CAP_DAC_READ_SEARCH", message)
            self.assertNotIn("SELinux", message)
        lib_gospy.summary(fixture.pid, prefix=with_caps("sys_ptrace", "dac_read_search"))

    def test_unreadable_files(self):
        """A program whose file may only be executed is read from memory; that --bin may not be
        read is no refusal of the process."""
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            path = shutil.copy(one("parked").path, directory)
            fixture = self.watch(lib_fixture.Fixture(*self.nobody, path, "-n", 20))
            os.chmod(path, 0o711)
            document = lib_gospy.summary(fixture.pid, prefix=self.nobody)
            functions = [g["start"]["func"] for g in document["goroutines"]]
            self.assertEqual(sum(f.startswith("main.park") for f in functions), 20)
            listed = lib_gospy.run("list", "--json", prefix=self.nobody).expect(lib_gospy.OK).json()
            versions = {p["pid"]: p["go_version"] for p in listed["processes"]}
            self.assertEqual(versions.get(fixture.pid), fixture.ready["go"])
            secret = shutil.copy(one("parked").path, os.path.join(directory, "secret"))
            os.chmod(secret, 0o600)
            message = self.refused(lib_gospy.ERROR, "summary", fixture.pid, "--bin", secret,
                                   prefix=self.nobody)
            self.assertIn(f"{secret}: Permission denied", message)

    def test_hidden(self):
        """What /proc hides is there: in a PID namespace whose /proc does that, the first process,
        which is root's."""
        script = 'mount -t proc -o hidepid=2 proc /proc && "$@"; exit'
        prefix = ["unshare", "--pid", "--fork", "--mount", "sh", "-c", script, "sh"]
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
            self.skipTest("namespaces are not permitted here")
        for command in ("process", "version", "stats", "summary", "gc"):
            message = self.refused(lib_gospy.PERMISSION, command, 1, prefix=[*prefix, *self.nobody])
            self.assertRegex(message, "hidepid.*sudo")
        self.assertRegex(message, r"\.\.\.; or name its agent by host:port\n$")

    def test_list_counts_what_it_may_not_read(self):
        fixture = self.target("states")
        # The note and the object of one run: processes come and go between two.
        run = lib_gospy.run("list", "--json", prefix=self.nobody).expect(lib_gospy.OK)
        document = run.json()
        self.assertNotIn(fixture.pid, [p["pid"] for p in document["processes"]])
        self.assertGreater(document["unreadable"], 0)
        self.assertRegex(run.err, rf"\b{document['unreadable']}\b")


class StrippedTest(ErrorTest):
    def test_twin(self):
        twins = {build.version: build.path for build in lib_fixture.builds("states", ["default"])}
        for build in lib_gospy.builds("states", ["stripped"]):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                document = lib_gospy.summary(fixture.pid, "--bin", twins[build.version])
                compare.Goroutines(self, fixture.ready, document).check()

    def test_no_twin(self):
        fixture = self.target("states", "stripped")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        fifo = os.path.join(directory.name, "fifo")
        os.mkfifo(fifo)
        for path in (one("parked").path, "/bin/sh", "/etc/passwd", "/no/such/file", fifo, "/tmp"):
            with self.subTest(path=path):
                message = self.refused(lib_gospy.ERROR, "summary", fixture.pid, "--bin", path)
                self.assertEqual(message.count(str(path)), 1, message)


def commands():
    """The names of all commands."""
    overview = lib_gospy.run("--help").expect(lib_gospy.OK).out
    names = re.findall(r"^  ([\w-]+) ", overview.split("Commands:")[1].split("\n\n")[0], re.M)
    if "summary" not in names:
        raise AssertionError(overview)
    return names


# Words that a command is given so that only its options are wrong, where it is not a PID.
TARGET = {"tree": (), "list": (), "completion": ("bash",), "help": (), "setgc": ("1", "50"),
          "pprof": ("heap", "1"), "diff": ("1", "1")}


class UsageTest(ErrorTest):
    def test_a_word_that_is_nearly_a_command(self):
        """It may be nearly the name of a process as well, and these come and go."""
        for args in (("stak", "1"), ("help", "stak")):
            run = lib_gospy.run(*args).expect(lib_gospy.USAGE)
            self.assertRegex(run.err, r"^gospy: [^\n]*\(did you mean 'stack'\?\)[^\n]*\n$")
            document = lib_gospy.run(*args, "--json").expect(lib_gospy.USAGE).json()
            self.assertIn("(did you mean 'stack'?)", document["error"]["message"])

    # What an option cannot take, by what the help calls its argument.
    BAD = {"N": ("x", "-1", "1.5", "", "9" * 30), "N[,N]": ("x", "1,", ",", "9" * 30),
           "D": ("soon", "-1s", "1x", "", "9" * 30 + "h"), "PID": ("x", "0", "-1", "9" * 30),
           "REGEX": ("(", "[", "*", "(" * 20000), "K[=V]": ("", "=x"), "MODULE": ("", "a,,b"),
           "WHEN": ("%", ""), "NAME": ("%", ""), "KEY": ("%", ""), "PLACE": ("%", ""),
           "CONDITION": ("goroutines", "rss>x", "wait>soon", "load>1", ""), "WHAT": ("%", ""),
           "BYTES": ("x", "-1", "1.5", "", "9" * 30), "F": ("%", ""), "SET": ("%", ""),
           "SIZE": ("x", "-1", ""), "PERCENT": ("x", "-1", ""),
           "TAG[,TAG]": ("%", "", "pid,", "pid,,host"), "LEVEL": ("%", ""), "VERDICT": ("%", ""),
           "N|P%": ("x", "-1", "1.5", "%", "", "1,", "1,2", "1%,2%", "1,2%,3", "9" * 30)}
    # Which values there are depends on the profile, and which types on the program.
    ANYTHING = ("FILE", "FIRST", "VALUES", "DIR", "TYPE|ADDR")

    def options(self):
        """Of each command its options: letter, name, "[=" if it may have an argument, or what that
        is called."""
        for command in commands():
            text = lib_gospy.run("help", command).out
            options = re.findall(r"^ *(?:(-\w), )?(--[\w-]+)(?:(\[=)| ([A-Z]\S*))?", text, re.M)
            self.assertIn("--json", [option[1] for option in options])
            yield command, options

    def test_every_option(self):
        """What is wrong with an option is one line, which names it and says what to do."""
        for command, options in self.options():
            for letter, name, bare, arg in options:
                self.one_line([command, name] if arg else [command, f"{name}=%"],
                              rf"{name} needs .*{name} {re.escape(arg)}" if arg else
                              rf"{name} takes ")
                if letter and arg:
                    self.one_line([command, letter], rf"{letter} needs .*{re.escape(arg)}")
            for unknown in ("--nothing-like-it", "-%"):
                self.one_line([command, unknown], f"{unknown}.*--help")

    def test_every_value(self):
        """What an option cannot take: the line says what it can."""
        seen = set()
        for command, options in self.options():
            for letter, name, bare, arg in options:
                if not arg or arg in self.ANYTHING:
                    continue
                seen.add(arg)
                # A state may be a reason to wait, in any words.
                for bad in ("",) if arg.startswith("S[") else self.BAD[arg]:
                    said = "'.*': .*at character" if arg == "REGEX" else "takes .*, not '"
                    self.one_line([command, f"{name}={bad}", *TARGET.get(command, ("1",))],
                                  f"{name} {said}")
        self.assertLessEqual({"N", "D", "PID", "REGEX", "WHEN", "KEY"}, seen)

    def test_missing(self):
        """Of what a command needs: it says what that is."""
        needs = {"process", "summary", "stack", "top", "stats", "memstats", "version", "gc",
                 "leaks", "waits", "check", "capture", "trace", "pprof-cpu", "pprof-heap", "diff"}
        for command in commands():
            if command in needs:
                self.one_line([command], "which process\\? .*PID, name or :PORT.*`gospy list`")
                needs.remove(command)
        self.assertEqual(needs, set())
        self.one_line(["setgc"], "which GC percentage\\? a number, or off")
        self.one_line(["setgc", "1"], "which GC percentage\\? a number, or off")
        self.one_line(["completion"], "which shell\\? bash, zsh or fish")

    def test_too_many(self):
        """Words that a command has no use for."""
        for args in (("tree", "%"), ("process", "1", "1s", "%"), ("stack", "1", "%"),
                     ("top", "-n", "1", "1", "%"), ("version", "1", "%"), ("doctor", "1", "%"),
                     ("gc", "1", "%"), ("setgc", "1", "50", "%"), ("trace", "1", "%"),
                     ("pprof-cpu", "1", "%"), ("pprof-heap", "1", "%"), ("completion", "zsh", "%"),
                     ("help", "list", "%"), ("1", "1s", "%"), ("--pid", "1", "1s", "%"),
                     ("stack", "--agent", "1", "%"), ("diff", "1", "1", "%"),
                     ("diff", "--for", "1s", "1", "%")):
            self.one_line(args, "unexpected argument '%'; --help shows")

    def test_bad_words(self):
        for args, said in (
                (("no-such-command",), "unknown command 'no-such-command', see `gospy help`; and "),
                (("",), "unknown command ''"),
                (("-1",), "unknown option '-1'; --help"),
                (("0",), "'0' is no process id: these go from 1 to "),
                (("summary", "9" * 30), "'9+' is no process id: these go from 1 to "),
                (("process", "1", "soon"), "'soon' is not a duration such as 500ms or 2s"),
                (("stack", ":0"), "':0' names no listener .* write :PORT"),
                (("stack", "nowhere.invalid:80"), "names no listener .* write :PORT.* --agent"),
                (("diff", "1"), "compare it with which other one\\? or with --for D"),
                (("gc", "nowhere:port"), "'nowhere:port' is not an address such as host:6060"),
                (("setgc", "1", "x"), "'x' is not a GC percentage: a number from 0 to .*, or off"),
                (("setgc", "1", "9" * 12), "'9+' is not a GC percentage: a number from 0 to "),
                (("completion", "tcsh"), "no completion for 'tcsh': name bash, zsh or fish"),
                (("help", "%"), "no help on '%': .*; see `gospy help`")):
            self.one_line(args, said)

    def test_contradictions(self):
        """Options that do not go together: it says which, and what each is for."""
        for args, said in (
                (("summary", "--exact", "--non-blocking"), "--exact .*--non-blocking"),
                (("stack", "--exact", "--non-blocking"), "--exact .*--non-blocking"),
                (("summary", "--max-pause", "0"), "--max-pause 0 .*--non-blocking"),
                (("stack", "--native", "--non-blocking"), "--native .*--non-blocking"),
                (("stack", "--native", "--group"), "--native .*--group"),
                (("stack", "--running", "--for", "1s"), "--for .*--running"),
                (("memstats", "--cycles", "3"), "--cycles .*--watch"),
                (("memstats", "--watch", "1s", "2"), "--watch watches one process"),
                (("stack", "--timeout", "1s"), "--timeout .*--agent"),
                *((("stack", "--threads", option, *value), f"--threads .*{option}")
                  for option, *value in (("--goid", "1"), ("--label", "k"), ("--group",),
                                         ("--running",), ("--state", "waiting"), ("--func", "x"),
                                         ("--created-by", "x"), ("--min-wait", "1s"),
                                         ("--for", "1s"))),
                (("pprof", "heap", "--seconds", "1", "--debug", "1"), "--seconds .*--debug"),
                (("pprof", "heap", "--diff", "f", "--format", "text"), "--diff .*--format text"),
                (("pprof", "heap", "--tag", "reason"), "--tag reason .*goroutine profile only"),
                (("pprof", "heap", "--diff", "f", "--format", "speedscope"), "--diff .*folded"),
                (("record", "--limit", "3"), "--limit .*--format top"),
                (("record", "--rate", "1001"), "--rate 1001 .*--force"),
                (("record", "--rate", "0"), "--rate 0"),
                (("record", "--by", "label="), "--by .*label=KEY"),
                (("stack", "--agent", "--group"), "--agent .*--group does not go with it"),
                (("memstats", "--agent", "--watch", "1s"), "--agent .*--watch does not go"),
                (("waits", "--dot", "--goid", "1"), "--dot .*--goid"),
                (("waits", "--limit", "2", "--goid", "1"), "--limit .*--goid"),
                (("stats", "--agent", "--all"), "--agent .*--all does not go"),
                (("stack", "--bin", "1", "--agent"), "--agent .*--bin does not go")):
            self.one_line([*args, "1"], said)
        self.one_line(["list", "--goroutines"], "--goroutines .*--json")

    def one_line(self, args, pattern):
        with self.subTest(args=args):
            run = lib_gospy.run(*args).expect(lib_gospy.USAGE)
            self.assertEqual(run.out, "")
            self.assertRegex(run.err, rf"^gospy: [^\n]*{pattern}[^\n]*\n$")

    def test_help_fits_a_terminal(self):
        for text in (lib_gospy.run("--help").expect(lib_gospy.OK).out,
                     *(lib_gospy.run("help", command).expect(lib_gospy.OK).out
                       for command in commands())):
            self.assertLessEqual(max(map(len, text.splitlines())), 80, text)


if __name__ == "__main__":
    lib_gospy.main()
