"""What was meant to change in the output of gospy since commit BASE: everything else is as it was, to
the byte, in a pipe. tests/check_unchanged holds it against the program of that commit.

JSON may have more members at any time. Standard error is for people: only the exit status counts."""
import json
import re

BASE = "4cf5c35d39040965851ba77bcb88b44ebd2f4f27"

# Commands of lib_commands.py whose text or figures were changed as a whole.
COMMANDS = [
    (r"^(summary|stack)\b.* --group", "groups tell reasons, and what is waited for"),
    (r"--pc (user|current)", "the user frame is outside of the standard library, and the current "
                             "one outside of the runtime"),
    (r"--color=always", "colours are the terminal's own, and own frames stand out"),
    (r"^stack\b.* --system", "frames have their addresses, as GOTRACEBACK=system has them"),
    (r"--non-blocking", "goroutines that run are read without a stop, too"),
    (r"^doctor\b", "verdicts come first, tables only with -v"),
    (r"^top\b", "growth, marks, more columns"),
    (r"^(help\b|--help|completion\b)", "there are more options"),
    (r"--goroutines", "a new option"),
    (r"^diff\b", "a new command"),
    (r"^summary --json x$", "a word that is no PID is the name of a process"),
]

# Masks for the text of all other commands, applied behind those of lib_same.py.
TEXT = [
    (rb"\((?:paused [^)]*|nothing ran, nothing stopped)\)", b"(@)",
     "a process of which no thread runs is not stopped at all"),
    (rb"^(\d+ - waiting for [^:\n]*?) (?:on (?:semaphore|sync|internal|fd)\b|of 0x)[^\n]*?"
     rb"(?=: \S)", rb"\1", "what is waited for"),
    (rb"^(\d+ - waiting for [^:\n]*), (?:(?:timer|deadline) in )?@(?: to go)?(?=: \S)", rb"\1",
     "until when a timer lets it wait"),
]

# Members of JSON.
MEMBERS = {
    "user": "the user frame is outside of the standard library",
    "message": "errors tell cause and remedy",
    "exact": "a process of which no thread runs is exact without a stop", "active": "the same",
}


def is_named(command):
    return any(re.search(pattern, command) for pattern, _ in COMMANDS)


def holds(old, new):
    """Is all of a value of JSON in another one?"""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(key in MEMBERS or key in new and holds(value, new[key])
                   for key, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(holds, old, new))
    return old == new


def same(old, new):
    """Whether two outputs, in which what moves by itself and all of TEXT is an @, are the same, or the
    new one is JSON that has all of the old one."""
    if old.startswith(b"{"):
        documents = [[json.loads(line.replace(b":@", b':"@"')) for line in text.splitlines()]
                     for text in (old, new)]
        return len(documents[0]) == len(documents[1]) and all(map(holds, *documents))
    return old == new
