"""A terminal of a fixed size that a program can be run on: the screen as text, keys, the mouse.

It knows what ncurses writes for xterm-256color and the like, and refuses what it does not know, so
that a screen is never compared that was drawn wrongly."""
import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unicodedata

# Far above anything seen, so that a hang is a failure and a slow machine is not.
PATIENCE = 120

KEYS = {
    "Up": "\033OA", "Down": "\033OB", "Right": "\033OC", "Left": "\033OD", "Home": "\033OH",
    "End": "\033OF", "PgUp": "\033[5~", "PgDn": "\033[6~", "Del": "\033[3~", "Enter": "\r",
    "Esc": "\033", "Backspace": "\177", "Tab": "\t", "Shift-Tab": "\033[Z", "Space": " ",
    "F1": "\033OP", "F2": "\033OQ", "F3": "\033OR", "F4": "\033OS", "F5": "\033[15~",
    "F6": "\033[17~", "F10": "\033[21~", "Shift-F5": "\033[15;2~", "Ctrl-C": "\003",
    "Ctrl-L": "\014", "Ctrl-Z": "\032",
}

# Control sequences; commands of the operating system, which colour the window's frame, say; others.
SEQUENCE = re.compile(r"\033\[([?>=]?)([0-9;:]*)([@-~])"
                      r"|\033([()][0AB]|[78=>MDE]|\][^\a\033]*(?:\a|\033\\))")
UNFINISHED = re.compile(r"\033(\[[?>=]?[0-9;:]*|[()]|\][^\a\033]*\033?)?$")


class Screen:
    """What a terminal shows: rows of [character, style]. A style is (fg, bg, attributes)."""

    PLAIN = (None, None, frozenset())

    def __init__(self, rows, cols):
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.unread = ""
        self.modes = set()
        self.taken = 0  # how many times a program took the whole screen
        self.questions = []  # "background", "attributes": what was asked, and not answered
        self.saved = None
        self.main_cells = None
        self.style = self.PLAIN
        self.last = " "
        self.resize(rows, cols)

    def resize(self, rows, cols):
        old = getattr(self, "cells", [])
        self.rows, self.cols = rows, cols
        self.cells = [[[" ", self.PLAIN] for _ in range(cols)] for _ in range(rows)]
        for new_row, old_row in zip(self.cells, old):
            new_row[:len(old_row)] = old_row[:cols]
        self.y = min(getattr(self, "y", 0), rows - 1)
        self.x = min(getattr(self, "x", 0), cols - 1)
        self.top, self.bottom = 0, rows - 1

    def lines(self):
        return ["".join(c for c, _ in row).rstrip() for row in self.cells]

    @property
    def alternate(self):
        return "?1049" in self.modes

    @property
    def mouse(self):
        return "?1000" in self.modes

    @property
    def cursor_visible(self):
        return "?25" not in self.modes  # kept as "hidden"

    def feed(self, data):
        text = self.unread + self.decoder.decode(data)
        self.unread = ""
        at = 0
        while at < len(text):
            c = text[at]
            if c != "\033":
                self.character(c)
                at += 1
                continue
            match = SEQUENCE.match(text, at)
            if match:
                self.sequence(match)
                at = match.end()
            elif UNFINISHED.match(text[at:]):
                self.unread = text[at:]
                return
            else:
                raise AssertionError(f"unknown sequence {text[at:at + 20]!r}")

    def character(self, c):
        if c == "\r":
            self.x = 0
        elif c == "\n":
            self.line_feed()
        elif c == "\b":
            self.x = max(0, self.x - 1)
        elif c == "\t":
            self.x = min(self.cols - 1, self.x // 8 * 8 + 8)
        elif c in "\a\016\017":
            pass
        elif ord(c) < 32:
            raise AssertionError(f"control character {c!r} on the terminal")
        else:
            self.put(c)

    def put(self, c):
        if unicodedata.combining(c):
            self.cells[self.y][max(0, self.x - 1)][0] += c
            return
        width = 2 if unicodedata.east_asian_width(c) in "WF" else 1
        if self.x + width > self.cols:
            self.x = 0
            self.line_feed()
        row = self.cells[self.y]
        row[self.x] = [c, self.style]
        if width == 2:
            row[self.x + 1] = ["", self.style]
        self.x += width
        self.last = c

    def blank(self):
        return [" ", (None, self.style[1], frozenset())]

    def line_feed(self):
        if self.y == self.bottom:
            self.scroll(1)
        elif self.y < self.rows - 1:
            self.y += 1

    def scroll(self, n, top=None):
        top = self.top if top is None else top
        for _ in range(abs(n)):
            empty = [self.blank() for _ in range(self.cols)]
            if n > 0:
                del self.cells[top]
                self.cells.insert(self.bottom, empty)
            else:
                del self.cells[self.bottom]
                self.cells.insert(top, empty)

    def sequence(self, match):
        private, text, final, other = match.groups()
        if other:
            self.short_sequence(other)
            return
        if final == "c" and not private:
            self.questions.append("attributes")
        # xterm-direct writes 38:2::r:g:b, with an empty colour space.
        text = text.replace("8:2::", "8:2:").replace(":", ";")
        numbers = [int(n) if n else 0 for n in text.split(";")]
        n = max(1, numbers[0])
        if private and final in "hl":
            for number in numbers:
                self.set_mode(private + str(number), final == "h")
        elif final in "hlctqu" or private:
            pass
        elif final == "m":
            self.set_style(numbers)
        else:
            self.move_or_edit(final, n, numbers)

    def short_sequence(self, other):
        if other == "7":
            self.saved = (self.y, self.x, self.style)
        elif other == "8" and self.saved:
            self.y, self.x, self.style = self.saved
        elif other == "M":
            if self.y == self.top:
                self.scroll(-1)
            else:
                self.y -= 1
        elif other in "DE":
            self.line_feed()
        elif other.startswith("]11;?"):
            self.questions.append("background")

    def set_mode(self, mode, on):
        if mode == "?1049" and on != self.alternate:
            self.taken += on
            if on:
                self.main_cells = self.cells
                self.cells = []
                self.resize(self.rows, self.cols)
            else:
                self.cells = self.main_cells
                self.resize(self.rows, self.cols)
        if mode == "?25":
            on = not on
        (self.modes.add if on else self.modes.discard)(mode)

    def move_or_edit(self, final, n, numbers):
        row = self.cells[self.y]
        if final in "Hf":
            self.y = min(n, self.rows) - 1
            self.x = min(max(1, numbers[1] if len(numbers) > 1 else 1), self.cols) - 1
        elif final == "A":
            self.y = max(0, self.y - n)
        elif final == "B":
            self.y = min(self.rows - 1, self.y + n)
        elif final == "C":
            self.x = min(self.cols - 1, self.x + n)
        elif final == "D":
            self.x = max(0, min(self.x, self.cols - 1) - n)
        elif final == "G":
            self.x = min(n, self.cols) - 1
        elif final == "d":
            self.y = min(n, self.rows) - 1
        elif final == "J":
            self.erase_screen(numbers[0])
        elif final == "K":
            first, end = ((self.x, self.cols), (0, self.x + 1), (0, self.cols))[numbers[0]]
            row[first:end] = [self.blank() for _ in range(first, min(end, self.cols))]
        elif final == "X":
            end = min(self.cols, self.x + n)
            row[self.x:end] = [self.blank() for _ in range(self.x, end)]
        elif final == "b":
            for _ in range(n):
                self.put(self.last)
        elif final == "@":
            row[self.x:self.x] = [self.blank() for _ in range(n)]
            del row[self.cols:]
        elif final == "P":
            del row[self.x:self.x + n]
            row.extend(self.blank() for _ in range(self.cols - len(row)))
        elif final in "LM":
            self.scroll(-n if final == "L" else n, self.y)
        elif final in "ST":
            self.scroll(n if final == "S" else -n)
        elif final == "r":
            self.top = n - 1
            self.bottom = min(self.rows, numbers[1] if len(numbers) > 1 else self.rows) - 1
            self.y = self.x = 0
        else:
            raise AssertionError(f"unknown sequence CSI {numbers} {final}")

    def erase_screen(self, how):
        first = {0: self.y, 1: 0, 2: 0, 3: 0}[how]
        end = {0: self.rows, 1: self.y + 1, 2: self.rows, 3: self.rows}[how]
        for y in range(first, end):
            left = self.x if how == 0 and y == self.y else 0
            right = self.x + 1 if how == 1 and y == self.y else self.cols
            self.cells[y][left:right] = [self.blank() for _ in range(left, right)]

    ATTRIBUTES = {1: "bold", 2: "dim", 4: "underline", 7: "reverse"}
    ENDS = {22: {"bold", "dim"}, 24: {"underline"}, 27: {"reverse"}}

    def set_style(self, numbers):
        fg, bg, attributes = self.style
        attributes = set(attributes)
        numbers = list(numbers)
        while numbers:
            n = numbers.pop(0)
            if n == 0:
                fg, bg, attributes = None, None, set()
            elif n in self.ATTRIBUTES:
                attributes.add(self.ATTRIBUTES[n])
            elif n in self.ENDS:
                attributes -= self.ENDS[n]
            elif n in (38, 48):
                color, numbers = self.color(numbers)
                fg, bg = (color, bg) if n == 38 else (fg, color)
            elif n == 39:
                fg = None
            elif n == 49:
                bg = None
            elif 30 <= n <= 37:
                fg = n - 30
            elif 40 <= n <= 47:
                bg = n - 40
            elif 90 <= n <= 97:
                fg = n - 82
            elif 100 <= n <= 107:
                bg = n - 92
            elif n not in (10, 11, 12, 23, 25, 28, 29):
                raise AssertionError(f"unknown style {n}")
        self.style = (fg, bg, frozenset(attributes))

    @staticmethod
    def color(numbers):
        """A number of xterm's 256, or "#rrggbb"; and the numbers behind it."""
        if numbers[0] == 5:
            return numbers[1], numbers[2:]
        rgb = numbers[1:4]
        return "#%02x%02x%02x" % tuple(rgb), numbers[4:]


class Terminal:
    """A program on a pseudo-terminal. Its stderr goes to a file, unless `stderr` says otherwise.

    With `background`, "#rrggbb", the terminal says what it is: at once, or when answer() is called
    if it is `late`. Without it, it answers nothing."""

    def __init__(self, args, rows=24, cols=80, env=None, shared_stderr=False, cwd=None,
                 background=None, late=False):
        self.screen = Screen(rows, cols)
        self.background, self.late = background, late
        self.master, slave = pty.openpty()
        self.slave_name = os.ttyname(slave)
        self.slave = slave  # kept open, so that the settings can be looked at
        self.size(rows, cols)
        self.settings = termios.tcgetattr(slave)
        self.errors = tempfile.TemporaryFile()
        environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        for name in ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM", "COLORFGBG", "LINES",
                     "COLUMNS"):
            environment.pop(name, None)
        environment.update(env or {})
        self.process = subprocess.Popen(
            [str(arg) for arg in args], stdin=slave, stdout=slave,
            stderr=slave if shared_stderr else self.errors, env=environment, cwd=cwd,
            start_new_session=True, preexec_fn=self._own_terminal)

    @staticmethod
    def _own_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def size(self, rows, cols):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def resize(self, rows, cols):
        """As a terminal does it: the kernel tells the program."""
        self.screen.resize(rows, cols)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def read(self, timeout):
        """Take what there is, waiting so long for something; false: nothing came."""
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:
            return False
        self.screen.feed(data)
        if self.background and not self.late:
            self.answer()
        return bool(data)

    def answer(self, typed=""):
        """What was asked, and before it what is typed at the same moment."""
        parts = [self.background[i:i + 2] * 2 for i in (1, 3, 5)]
        answers = {"background": f"\033]11;rgb:{'/'.join(parts)}\033\\",
                   "attributes": "\033[?62;22c"}
        questions, self.screen.questions = self.screen.questions, []
        self.type(typed + "".join(answers[question] for question in questions))

    def text(self):
        return "\n".join(self.screen.lines())

    def complete(self):
        """Is this a whole frame? gospy leaves the cursor in the last corner, or shows it in the
        last line; in between it is elsewhere."""
        screen = self.screen
        if not screen.alternate:
            return True
        return screen.y == screen.rows - 1 and (screen.cursor_visible or
                                                screen.x >= screen.cols - 1)

    def wait(self, condition, what):
        """Until condition(lines) holds of a whole frame; its value."""
        deadline = time.monotonic() + PATIENCE
        while True:
            while self.read(0):
                pass
            value = self.complete() and condition(self.screen.lines())
            if value:
                return value
            if self.process.poll() is not None and not self.read(0.05):
                value = condition(self.screen.lines())
                if value:
                    return value
                raise AssertionError(f"ended with {self.process.returncode} before {what}:\n"
                                     f"{self.text()}\n{self.stderr()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"waited in vain for {what}:\n{self.text()}\n{self.stderr()}")
            self.read(0.05)

    def wait_text(self, pattern):
        """Until some line matches; the match."""
        regex = re.compile(pattern)

        def find(lines):
            return next((m for m in map(regex.search, lines) if m), None)
        return self.wait(find, f"a line that matches {pattern!r}")

    def wait_no_text(self, pattern):
        regex = re.compile(pattern)
        self.wait(lambda lines: not any(map(regex.search, lines)),
                  f"no line to match {pattern!r}")

    def key(self, *names):
        """Names of keys, or characters."""
        for name in names:
            os.write(self.master, KEYS.get(name, name).encode())

    def type(self, text):
        os.write(self.master, text.encode())

    def mouse(self, what, y, x):
        """xterm's SGR reports; y and x from 0."""
        for button, end in {"click": ((0, "M"), (0, "m")),
                            "double": ((0, "M"), (0, "m"), (0, "M"), (0, "m")),
                            "wheel up": ((64, "M"),), "wheel down": ((65, "M"),)}[what]:
            self.type(f"\033[<{button};{x + 1};{y + 1}{end}")

    def stderr(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def end(self):
        """Wait for the end of the program; its status."""
        def ended(_):
            return self.process.poll() is not None
        self.wait(ended, "the end of the program")
        while self.read(0):
            pass
        return self.process.returncode

    def restored(self):
        """What of the terminal is not as it was before; [] if nothing."""
        wrong = []
        if self.screen.alternate:
            wrong.append("alternate screen")
        if not self.screen.cursor_visible:
            wrong.append("cursor hidden")
        wrong += [f"mode {m}" for m in self.screen.modes if m not in ("?1049", "?25", "?12")
                  and m in ("?1", "?1000", "?1002", "?1003", "?1006")]
        if termios.tcgetattr(self.slave) != self.settings:
            wrong.append("settings")
        return wrong

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)
        self.errors.close()
