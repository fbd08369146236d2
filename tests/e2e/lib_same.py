"""Whether two outputs of gospy are the same but for what moves by itself."""
import collections
import difflib
import re

# CLOCK: nanoseconds that go on with the clock: between two runs by no more than has passed. FREE:
# anything may stand there.
CLOCK, FREE = "clock", "free"
Mask = collections.namedtuple("Mask", "kind pattern replacement reason")


def mask(kind, pattern, replacement, reason):
    return Mask(kind, re.compile(pattern, re.M), replacement, reason)


SPAN = rb"(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:[\d.]+s)?"

MASKS = [
    mask(CLOCK, rb'(?<="time_unix_ns":)(\d+)', b"@", "when gospy looked"),
    mask(CLOCK, rb'(?<="uptime_ns":)(\d+)', b"@", "how long the target had run by then"),
    mask(CLOCK, rb'(?<="elapsed_ns":)(\d+)', b"@", "the same, as `process` calls it"),
    mask(CLOCK, rb'(?<="wait_ns":)(\d+)', b"@", "a goroutine that waits goes on waiting"),
    mask(CLOCK, rb'(?<="longest_wait_ns":)(\d+)', b"@", "so does a group of them"),
    mask(FREE, rb'(?<="minutes_m(?:in|ax)":)\d+', b"@", "so does a group of stacks, in minutes"),
    mask(FREE, rb'(?<="due_ns":)\d+', b"@", "a timer comes nearer"),
    mask(FREE, rb"(?<=, )" + SPAN + rb"(?= to go\b)", b"@", "as due_ns"),
    mask(FREE, rb"(, (?:timer|deadline) in )" + SPAN, rb"\1@", "as due_ns"),
    mask(FREE, rb'(?<="paused_ns":)\d+', b"@", "how long the stop took"),
    mask(FREE, rb'(?<="total_ns":)\d+(?=,"active":)', b"@", "how long the capture took"),
    mask(FREE, rb'(?<="since_first_ns":)\d+', b"@", "the time between two frames of top"),
    mask(FREE, rb'(?<="rss":)\d+', b"@",
         "a page of the target that gospy reads comes into memory by that"),
    mask(FREE, rb'(?<="memory_percent":)[\d.]+', b"@", "the same"),
    mask(FREE, rb"(?<=^memory usage:\t)[\d.]+", b"@", "the same"),
    mask(FREE, rb'(?<="cpu_percent":)[\d.]+', b"@",
         "a mean since the target's start, so it falls while that is stopped"),
    mask(FREE, rb"(?<=^cpu usage:\t)[\d.]+", b"@", "the same"),
    mask(FREE, rb"(?<=, uptime: )" + SPAN, b"@", "as uptime_ns"),
    mask(FREE, rb"(?<=^elapsed time:\t)[\d:-]+", b"@", "as elapsed_ns"),
    mask(FREE, rb"(?<=\(paused )[\d.]+ ?m?s", b"@", "as paused_ns"),
    mask(FREE, rb"(?<=^gospy: note: stopped for )[\d.]+ ?m?s", b"@", "as paused_ns"),
    mask(FREE, rb"(?<=^gospy: note: captured in )[\d.]+ ?m?s", b"@", "as total_ns"),
    mask(FREE, rb"(?<= forced, last )" + SPAN + rb"(?= ago)", b"@",
         "the time since a collection goes on with the clock"),
    mask(FREE, rb", \d+ (?:second|minute)s?(?=[,:\]])", b"",
         "as wait_ns; shown from one second on, in tracebacks from one minute on"),
    mask(FREE, rb"^( *\d+  \d+ .*?  +)(?:-|\d+ (?:second|minute)s?) +(?=\S)",
         rb"\1@  ", "as longest_wait_ns, in a column"),
    # A thread that is stopped for SIGSTOP wakes up and stops again when a tracer lets it go.
    mask(FREE, rb"(?:est\. [\d.]+ ms: \d+ of |nothing runs now, nothing would be stopped: )"
         rb"(\d+ threads?)(?: run)?", rb"@ \1",
         "doctor tries the stop, and the thread may have stopped again when it looks who runs"),
]

# Of `top`. Each process draws a secret for its hashes: they number the groups, and groups that are
# equal by what they are sorted by come in the order of the numbers: see in_one_order().
TOP_MASKS = MASKS + [
    mask(FREE, rb'(?<="id":")0x[0-9a-f]+', b"@", "such a hash"),
    mask(FREE, rb'(?<=_per_min":)-(?=0\.0+\b)', b"",
         "the slope of a line through equal numbers: the times decide to which side it is rounded"),
    # As of doctor: what one frame has let go may not have stopped again in the next.
    mask(FREE, rb'^(\{"total":\d+,)"running":\d+,("sleeping":\d+,)"stopped":\d+',
         rb'\1"running":@,\2"stopped":@', "threads that stop again after the frame before"),
    mask(FREE, rb'(?<="gc_cpu_percent":)[\d.]+', b"@", "a share of the time since the start"),
    mask(FREE, rb'(?<="paused_ns_max":)\d+', b"@", "as paused_ns"),
    mask(FREE, rb'(?<="longest_still_ns":)\d+', b"@", "for how long top itself has watched"),
    mask(FREE, rb"^\d\d:\d\d:\d\d (?=\S+, pid \d+, )", b"@ ", "as time_unix_ns"),
    mask(FREE, rb"(?<=, up )" + SPAN + rb", cpu (?:\?|[\d.]+%), rss [\d.]+ \w+(?=, )", b"@",
         "as uptime_ns, cpu_percent and rss"),
    mask(FREE, rb"(?<=, paused )[\d.]+ ?m?s", b"@", "as paused_ns"),
    mask(FREE, rb"^(.  *\d+ +[+-]?\d+ +\S+) +(?:-|(?:\xe2\x89\xa5|>=)?\d[\ddhm.]*s?)(?=  \S)",
         rb"\1 @", "as longest_wait_ns and longest_still_ns, in a column"),
]

GROUPS = re.compile(rb'(?<="groups":\[).*(?=\])')
NEXT_GROUP = re.compile(rb',(?=\{"id":)')

CLOCK_SLACK_NS = 20e6  # /proc has the start of a process in hundredths of a second

SPLIT = re.compile(rb'(?<=\n)|(?=\{")')


def chunks(text):
    """Lines, and the objects of JSON: what differs is looked for within them."""
    return SPLIT.split(text)


def masked(chunk, masks):
    """The chunk with what moves masked, and the clock readings that were in it."""
    clocks = []

    def keep(match):
        clocks.append(int(match[1]))
        return b"@"
    for each in masks:
        chunk = each.pattern.sub(keep if each.kind == CLOCK else each.replacement, chunk)
    return chunk, clocks


def in_one_order(text):
    """Frames of top, the groups of each in an order that does not depend on their numbers."""
    def order(part):
        return masked(part, TOP_MASKS)

    def sort_groups(match):
        return b",".join(sorted(NEXT_GROUP.split(match[0]), key=order))
    if text.startswith(b"{"):
        return GROUPS.sub(sort_groups, text)
    return b"".join(sorted(text.splitlines(keepends=True), key=order))


def same(old, new, masks, passed_ns):
    """Whether two outputs are the same but for what moves by itself."""
    if old == new:
        return True
    old, new = chunks(old), chunks(new)
    if len(old) != len(new):
        return False
    pairs = [(masked(a, masks), masked(b, masks)) for a, b in zip(old, new) if a != b]
    return all(a == b and all(abs(i - j) <= passed_ns + CLOCK_SLACK_NS for i, j in zip(x, y))
               for (a, x), (b, y) in pairs)


def shown(text, masks):
    """For a diff: masked, an object of JSON a line, readable whatever is in it."""
    lines = b"".join(masked(chunk, masks)[0] + (b"" if chunk.endswith(b"\n") else b"\n")
                     for chunk in chunks(text) if chunk)
    return lines.replace(b',"', b',\n"').decode("utf-8", "backslashreplace").split("\n")


def diff_of(name, before, now, masks):
    return list(difflib.unified_diff(shown(before, masks), shown(now, masks), f"{name} before",
                                     f"{name} now", lineterm="", n=1))
