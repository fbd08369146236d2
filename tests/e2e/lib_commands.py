"""The commands that are run wherever all of them are to show the same: by another build of gospy, or on
a bundle."""
import re

PLACES = ("start", "caller", "current", "user")
KEYS = ("start", "creator", "user", "current", "stack", "state", "object", "label")

SUMMARY = [
    "", "-v", "-q", "--exact", "--non-blocking", "--color=always", "--system --dead",
    *(f"--pc {place}" for place in PLACES[1:]),
    *(f"--group --pc {place}" for place in PLACES),
    "--sort wait", "--sort state", "--sort location --pc current", "--limit 3",
    "--state waiting,syscall", "--func main", "--created-by main", "--min-wait 1ns",
    "--label kind", "--json", "--json=lines", "--json --exact", "--json --non-blocking",
    "--json=lines --pc user --system --dead", "--json --max-pause 10s", "--group --json",
    "--group --json=lines --pc user", "--group --non-blocking --color=always",
]
STACK = [
    "", "-v", "--system", "--no-args", "--depth 3", "--exact", "--non-blocking", "--color=always",
    "--goid 1", "--state waiting --func main", "--created-by main", "--min-wait 1ns",
    "--label kind", "--native", "--threads", "--threads --native", "--threads --native --system",
    "--group", "--group --system", "--group --non-blocking --state waiting", "--json",
    "--json=lines --system", "--json --native", "--json --non-blocking", "--group --json",
    "--threads --json", "--threads --native --json",
]
FIGURES = [
    *(f"memstats {options}" for options in
      ("", "-a", "-v", "--non-blocking", "--json", "--json --non-blocking")),
    *(f"stats {options}" for options in
      ("", "-v", "--non-blocking", "--json", "--json --non-blocking")),
    *(f"version {options}" for options in ("", "-v", "--json")),
    *(f"doctor {options}" for options in ("", "-v", "--json")),
    *(f"process {options}" for options in ("", "--json")),
    "diff --for 10ms --json --unchanged", "diff --for 10ms --json=lines --by function --system",
]
# With several frames the later ones are samples of a target that has not changed since.
WATCHING = [
    *(f"top -n 1 --json --group {key}" for key in KEYS), "top -n 1", "top -n 1 --non-blocking",
    "top -n 1 --group stack --sort oldest", "top -n 3 --refresh 20ms --json",
    "top -n 3 --refresh 20ms --json --group stack --non-blocking",
]
AGENT = ["gc --timeout 100ms", "version --agent --timeout 100ms --json"]

OF_TARGET = [*(f"summary {options}" for options in SUMMARY),
             *(f"stack {options}" for options in STACK), *FIGURES, *WATCHING, *AGENT]

PROFILES = [
    *(f"pprof {kind} --debug 1" for kind in
      ("goroutine", "heap", "allocs", "block", "mutex", "threadcreate")),
    "pprof goroutine --debug 2", "pprof goroutine --format folded", "pprof heap --format top",
    "pprof heap --format speedscope -o -", "pprof goroutine --tag state,reason,pid --format folded",
    "pprof goroutine --non-blocking --format text",
]

# These make sense on what does not run, too.
OF_BUNDLE = [command for command in (*OF_TARGET, *PROFILES)
             if not re.match("process|diff|gc|version --agent|top -n 3", command)]

# The output for programs with very many goroutines would be too long.
OF_LARGE_TARGET = [command for command in OF_TARGET
                   if re.search("--group|--limit|--goid", command) or command in FIGURES]

# For stripped programs: with the program that has the symbols, and with one that is no twin.
WITH_TWIN = ["summary --bin", "stack --json --bin", "memstats -a --bin", "doctor -v --bin"]

# These look at all processes, the target among them.
OF_MACHINE = ["", "list -v", "list --json", "list --json=lines", "list --json --goroutines", "tree",
              "tree --json"]

# These need no target. The pid is larger than any that Linux gives.
WITHOUT_TARGET = [
    "help", "--version", "--help", "nonsense", "summary", "summary 0", "summary --json x",
    "stack --nonsense 1", "stack 1 --native --non-blocking", "summary --pc here 1",
    "top -n 1 --group here 1", "completion bash", "completion zsh", "completion fish",
    *(f"help {command}" for command in
      ("list", "tree", "process", "summary", "stack", "top", "stats", "memstats", "heap",
       "version", "diff", "doctor", "gc", "setgc", "trace", "pprof-cpu", "pprof-heap", "record",
       "completion", "help")),
    *(f"{command} 8388608" for command in
      ("summary", "summary --json", "stack", "stats", "memstats --json", "version", "process",
       "doctor", "top -n 1", "gc")),
]
