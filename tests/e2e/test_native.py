"""`gospy stack --native`: the C code that goroutines have called, and that threads are in."""
import re

import compare
import lib_fixture
import lib_gospy

# What the fixture cgo says each goroutine does, and so which of its C functions it is in.
CALLED = {
    "c-read": ["read_byte"],
    "c-cond-wait": ["wait_for_ever"],
    "callback-c-read": ["read_byte"],
    "c-thread-returned": ["wait_for_ever", "thread"],
}
# The Go function that has called them.
CALLER = {"c-read": "main._Cfunc_read_byte", "c-cond-wait": "main._Cfunc_wait_for_ever",
          "callback-c-read": "main._Cfunc_read_byte"}

NATIVE = re.compile(r"^(?:\w\S*|0x[0-9a-f]+ in \S+\+0x[0-9a-f]+)\(\.\.\.\)\n\t\?\?:0(?: \+0x[0-9a-f]+)?\n",
                    re.M)


def native_part(frames):
    """The C frames, which come first."""
    native = [f for f in frames if f.get("native")]
    if native != frames[:len(native)]:
        raise AssertionError(f"C code below Go code: {frames}")
    return native


class NativeTest(lib_gospy.TargetTest):
    def stacks(self, fixture, *options):
        run = lib_gospy.whole("stack", fixture.pid, "--json", *options)
        return {g["goid"]: g for g in run.json()["goroutines"]}

    def check(self, fixture):
        for options in ((), ("--exact",)):
            with self.subTest(options=options):
                self.check_stacks(fixture, options)
                self.check_text(fixture, options)
                self.check_threads(fixture, options)

    def check_stacks(self, fixture, options):
        stacks = self.stacks(fixture, "--native", *options)
        without = self.stacks(fixture, *options)
        names = {g["goid"]: g.get("name") for g in fixture.ready["goroutines"]}
        for goid, g in stacks.items():
            native = native_part(g["frames"])
            self.assertNotIn("native_problem", g)
            self.assertEqual(g["frames"][len(native):], without[goid]["frames"])
            self.check_called(names.get(goid), native, g["frames"][len(native):])
        self.check_users(fixture, stacks)

    def check_users(self, fixture, stacks):
        """Who has called C is the user, not what cgo makes for it."""
        in_c = 0
        for g in lib_fixture.parse_traceback(fixture.ready["traceback"]):
            call = compare.outside_of_runtime(g["frames"])
            if not call["func"].startswith("main._Cfunc_"):
                continue
            in_c += 1
            shown = stacks[g["goid"]]
            for key, expected in (("user", compare.of_user(g["frames"])), ("call", call)):
                self.assertEqual({name: shown[key][name] for name in expected}, expected)
            self.assertEqual(shown["user_origin"], "own")
        self.assertGreater(in_c, 1)

    def check_called(self, name, native, rest):
        ours = [f["func"] for f in native if f["module"].endswith("/cgo") and "func" in f]
        # Between the function and Go stands a stub of cgo's, if the compiler has left it a frame.
        self.assertEqual([func for func in ours if not func.startswith("_cgo_")],
                         CALLED.get(name, []), name)
        if name in CALLER:
            self.assertIn(CALLER[name], [f["func"] for f in rest][:2])
        for f in native:
            self.assertEqual("offset" in f, "func" in f)
            self.assertGreaterEqual(f["module_offset"], 0)

    def check_text(self, fixture, options):
        """The two lines of a traceback for each frame, and nothing else changed."""
        text = lib_gospy.whole("stack", fixture.pid, "--native", *options).out
        without = lib_gospy.whole("stack", fixture.pid, *options).out
        self.assertGreater(len(NATIVE.findall(text)), 4)
        self.assertEqual(NATIVE.sub("", text), without)

    def check_threads(self, fixture, options):
        run = lib_gospy.whole("stack", fixture.pid, "--threads", "--native", "--json", *options)
        threads = run.json()["threads"]
        for thread in threads:
            native = native_part(thread["frames"])
            funcs = [f.get("func") for f in thread["frames"]]
            self.assertNotIn("native_problem", thread)
            if thread["tid"] in fixture.ready["c_threads"]:
                self.assertEqual(native, thread["frames"])
                self.assertEqual([f for f in funcs if f in ("wait_for_ever", "thread")],
                                 ["wait_for_ever", "thread"])
            if thread["role"] in ("sysmon", "template"):
                self.assertTrue({"runtime.sysmon", "runtime.templateThread"} & set(funcs), funcs)
            if thread["role"] == "locked":
                self.assertIn("runtime.stoplockedm", funcs)

    def test_cgo(self):
        self.on_each(self.check, "cgo")

    def test_without_c(self):
        """Nothing is there to be shown, but Go code on system stacks."""
        def check(fixture):
            for goroutine in self.stacks(fixture, "--native").values():
                self.assertEqual(native_part(goroutine["frames"]), [])
            run = lib_gospy.whole("stack", fixture.pid, "--threads", "--native", "--json")
            for thread in run.json()["threads"]:
                if thread["role"] in ("sysmon", "idle", "template"):
                    self.assertNotEqual(thread["frames"], [])
        self.on_each(check, "threads")

    def test_usage(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("cgo")[-1]))
        run = lib_gospy.run("stack", fixture.pid, "--native", "--non-blocking")
        self.assertIn("without --non-blocking", run.expect(lib_gospy.USAGE).err)
        lib_gospy.run("stack", fixture.pid, "--native", "--group").expect(lib_gospy.USAGE)
        run = lib_gospy.whole("stack", fixture.pid, "--native", "--func", "read_byte", "--json")
        for goroutine in run.json()["goroutines"]:
            self.assertTrue(any("read_byte" in f.get("func", "") for f in goroutine["frames"]))


if __name__ == "__main__":
    lib_gospy.main()
