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
        for command in ("summary", "stats", "memstats", "version"):
            self.assertIn(str(ended.pid), self.refused(lib_gospy.NO_TARGET, command, ended.pid))

    def test_not_go(self):
        for name in ("notgo", "notgo-magic"):
            with self.subTest(name=name):
                fixture = self.target(name)
                message = self.refused(lib_gospy.NO_TARGET, "summary", fixture.pid)
                self.assertIn("Go", message)

    def test_32_bit(self):
        fixture = self.target("parked", "386", "-n", "10")
        for command in ("summary", "stats", "memstats"):
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
        twins = {build.version: build.path for build in lib_gospy.builds("states", ["default"])}
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


class UsageTest(ErrorTest):
    def test_usage(self):
        for args in (
                ("no-such-command",),
                ("summary",),
                ("help", "summary", "list"),
                ("stats", "1", "--exact"),
                ("memstats", "1", "--watch", "soon"),
                ("summary", "--pid", "0"),
                ("summary", "--pid", "12x"),
                ("stack", "1", "2"),
                ("summary", "1", "--no-such-option"),
                ("summary", "1", "--pc", "nowhere"),
                ("summary", "1", "--state", "lost"),
                ("summary", "1", "--min-wait", "soon"),
                ("summary", "1", "--func", "("),
                ("summary", "1", "--func", "(" * 20000),
                ("summary", "1", "--max-pause"),
                ("summary", "1", "--exact", "--non-blocking"),
        ):
            with self.subTest(args=args):
                run = lib_gospy.run(*args).expect(lib_gospy.USAGE)
                self.assertEqual(run.out, "")
                self.assertRegex(run.err, r"^gospy: [^\n]+\n")

    def test_a_word_that_is_nearly_a_command(self):
        for args in (("stak", "1"), ("help", "stak")):
            self.assertIn("(did you mean 'stack'?)", self.refused(lib_gospy.USAGE, *args))

    def test_every_option(self):
        """What is wrong with an option is one line, which names it and says what to do."""
        overview = lib_gospy.run("--help").out
        for command in re.findall(r"^  ([\w-]+) ", overview.split("Commands:")[1].split("\n\n")[0],
                                  re.M):
            text = lib_gospy.run("help", command).out
            options = re.findall(r"^ *(?:(-\w), )?(--[\w-]+)(?:(\[=)| ([A-Z]\S*))?", text, re.M)
            self.assertIn("--json", [option[1] for option in options])
            for letter, name, bare, arg in options:
                wrong = [name] if arg else [f"{name}=%"]
                remedy = rf"{name} {re.escape(arg)}" if arg else "takes "
                self.one_line([command, *wrong], rf"{name} .*{remedy}")
                if letter and arg:
                    self.one_line([command, letter], rf"{letter} needs .*{re.escape(arg)}")
            for unknown in ("--nothing-like-it", "-%"):
                self.one_line([command, unknown], f"{unknown}.*--help")

    def one_line(self, args, pattern):
        with self.subTest(args=args):
            run = lib_gospy.run(*args).expect(lib_gospy.USAGE)
            self.assertEqual(run.out, "")
            self.assertRegex(run.err, rf"^gospy: [^\n]*{pattern}[^\n]*\n$")

    def test_help_fits_a_terminal(self):
        overview = lib_gospy.run("--help").expect(lib_gospy.OK).out
        commands = re.findall(r"^  ([\w-]+) ", overview.split("Commands:")[1].split("\n\n")[0],
                              re.M)
        self.assertIn("summary", commands)
        for text in (overview, *(lib_gospy.run("help", command).expect(lib_gospy.OK).out
                                 for command in commands)):
            self.assertLessEqual(max(map(len, text.splitlines())), 80, text)


if __name__ == "__main__":
    lib_gospy.main()
