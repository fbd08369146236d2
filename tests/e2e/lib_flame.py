"""Reading flame graphs: what is in a page, by the rules of src/render/flame_html.h, and in a
picture."""
import collections
import html.parser
import json
import re
import xml.etree.ElementTree

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SVG = "{http://www.w3.org/2000/svg}"


class _Data(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.title = self.text = ""
        self.inside = None
        self.elements = collections.Counter()
        self.policy = None

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.elements[tag] += 1
        self.inside = attributes.get("type", tag)
        if attributes.get("http-equiv") == "Content-Security-Policy":
            self.policy = attributes["content"]

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside == "application/json":
            self.text += data
        elif self.inside == "title":
            self.title += data


class _Numbers:
    def __init__(self, text):
        self.text, self.at = text, 0

    def _digits(self, value, shift, digit):
        while digit & 32:
            digit = self._digit()
            value |= (digit & 31) << shift
            shift += 5
        return value

    def _digit(self):
        self.at += 1
        return DIGITS.index(self.text[self.at - 1])

    def number(self):
        digit = self._digit()
        return self._digits(digit & 31, 5, digit)

    def value(self):
        digit = self._digit()
        size = self._digits(digit >> 1 & 15, 4, digit)
        return -size if digit & 1 else size


class Page:
    """What a page says: .title, .data, .elements (how many of each), and in .stacks the values of
    each stack that has any."""

    def __init__(self, text):
        parser = _Data()
        parser.feed(text)
        parser.close()
        self.title, self.elements, self.policy = parser.title, parser.elements, parser.policy
        self.data = json.loads(parser.text)
        self.names = self._names()
        self.stacks = self._stacks()

    def _names(self):
        names = []
        for text in self.data["names"]:
            numbers = _Numbers(text)
            same = numbers.number()
            names.append((names[-1][:same] if names else "") + text[numbers.at:])
        return names

    def _stacks(self):
        columns = len(self.data["types"]) * (2 if self.data["diff"] else 1)
        numbers = _Numbers(self.data["calls"])
        stacks, stack = {}, []
        for i in range(self.data["nodes"]):
            head = numbers.number()
            name = numbers.number()
            if i:
                stack = stack[:len(stack) - (head >> 1)] + [self.names[name]]
            if head & 1:
                assert tuple(stack) not in stacks
                stacks[tuple(stack)] = tuple(numbers.value() for _ in range(columns))
        assert numbers.at == len(numbers.text)
        return stacks

    def column(self, number):
        return {names: values[number] for names, values in self.stacks.items() if values[number]}


Box = collections.namedtuple("Box", "x y width height color name figures text")


def read_svg(text):
    """The boxes of a picture."""
    boxes = []
    for group in xml.etree.ElementTree.fromstring(text).iter(SVG + "g"):
        rect = group.find(SVG + "rect")
        shown = group.find(SVG + "text")
        name, *figures = group.find(SVG + "title").text.split("\n")
        boxes.append(Box(*(float(rect.get(key)) for key in ("x", "y", "width", "height")),
                         rect.get("fill"), name, figures, "" if shown is None else shown.text))
    return boxes


def widths(boxes):
    """How wide the calls of each stack are drawn, of all the width."""
    found, stack = {}, []
    for box in boxes:
        # A box is within the one that it was drawn after.
        stack = [other for other in stack if other.y < box.y] + [box]
        found[tuple(other.name for other in stack[1:])] = box.width
    return found


def colors(text):
    """Of "hsl(22, 50%, 70%)" and "#aabbcc" red, green and blue."""
    if text.startswith("#"):
        return tuple(int(text[i:i + 2], 16) for i in (1, 3, 5))
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])
