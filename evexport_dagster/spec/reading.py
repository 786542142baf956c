"""YAML text -> a document, with everything that is not plain as a fault of it.

Only what YAML 1.2 can write without tags is read: text, numbers, booleans, days, lists and
mappings with text keys.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from evexport_dagster.errors import Fault, SpecError
from evexport_dagster.spec.document import Document, ValuePath, path_text

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 32
MAX_VALUES: Final = 100_000
MAX_DIGITS: Final = 100

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNSPEAKABLE: Final = re.compile("[\0\ud800-\udfff]")
_NEWLINE: Final = "\n"
_NO_CHARACTER: Final = "a character that YAML does not allow"
_NOTHING: Final = "nothing is given here: give a value or leave the key out"
_TAGGED: Final = "a value that is not read here: write it plain, without a tag"
_TAG: Final = "tag:yaml.org,2002:"


def read_document(path: Path, file: str) -> Document:
    """The document of a file, named `file` in messages.

    Raises SpecError for a file that is missing, not UTF-8, not YAML, or not one mapping.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _broken(file, f"cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise _broken(file, f"larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _broken(f"{file}: line {line}", "not UTF-8 text") from error
    return parse_document(text, file)


def parse_document(text: str, file: str) -> Document:
    """The document of a YAML text; raises SpecError as `read_document` does."""
    root = _compose(text, file)
    if root is None:
        raise _broken(file, "empty; a mapping of keys is expected")
    if not isinstance(root, MappingNode):
        raise _broken(f"{file}: line {_line(root)}", "one mapping (`key: value`) is expected")
    reader = _Reader(Document(file, {}, {}, {}))
    value = reader.value(root, ())
    return Document(file, value, reader.lines, reader.faults)


def _compose(text: str, file: str) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MAX_DEPTH
    yaml.composer.warn_double_anchors = False
    try:
        return yaml.compose(text)  # type: ignore[no-any-return]
    except MaxDepthExceededError as error:
        raise _broken(file, f"nested more than {MAX_DEPTH} levels deep") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f": line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = " ".join(str(error.problem or error.context or "not YAML").split())
        raise _broken(f"{file}{at}", what) from error
    except ReaderError as error:
        raise _broken(f"{file}: {_place(text, error.position)}", _NO_CHARACTER) from error
    except Exception as error:
        # What the parser itself trips over is a fault of the text all the same.
        raise _broken(file, "not YAML that can be read") from error


def _place(text: str, position: int) -> str:
    before = text[:position]
    return f"line {before.count(_NEWLINE) + 1}, column {position - before.rfind(_NEWLINE)}"


def _broken(where: str, what: str) -> SpecError:
    return SpecError(f"{where.partition(':')[0]} cannot be used", [Fault(where, "", what)])


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _joined(text: str) -> str:
    """The text with each escaped pair of surrogates as the one character that JSON means."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return text


class _Reader:
    """Turns nodes into values, noting lines and faults by path; aliases are read as copies."""

    def __init__(self, document: Document) -> None:
        self.file = document.file
        self.lines: dict[ValuePath, int] = {}
        self.faults: dict[ValuePath, Fault] = {}
        self._left = MAX_VALUES

    def value(self, node: Node, path: ValuePath) -> Any:
        self._left -= 1
        if self._left < 0 or len(path) > MAX_DEPTH:
            # Aliases can stand for more values than any file could write out.
            raise _broken(
                f"{self.file}: line {_line(node)}", "too many or too deeply nested values"
            )
        self.lines.setdefault(path, _line(node))
        if not isinstance(node, ScalarNode) and node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            self._fault(path, node, _TAGGED)
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, n)) for n, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node, path)

    def _mapping(self, node: MappingNode, path: ValuePath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            inner = (*path, key)
            if key in values:
                first = self.lines[inner]
                self._fault(inner, key_node, f"the key is already given in line {first}")
                continue
            self.lines[inner] = _line(key_node)
            values[key] = self.value(value_node, inner)
        return values

    def _key(self, node: Node, path: ValuePath) -> str | None:
        if not isinstance(node, ScalarNode):
            self._fault((*path, "?"), node, "a key is a text")
            return None
        if node.tag == f"{_TAG}merge":
            self._fault((*path, node.value), node, "nothing is merged here: write the keys out")
            return None
        if node.tag != f"{_TAG}str":
            self._fault((*path, node.value), node, "a key is a text: put it in quotes")
            return None
        return str(self._text(node, (*path, node.value)))

    def _scalar(self, node: ScalarNode, path: ValuePath) -> Any:
        kind = str(node.tag).removeprefix(_TAG)
        text = node.value
        if kind == "str":
            return self._text(node, path)
        if kind == "null":
            self._fault(path, node, _NOTHING)
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind in ("int", "float"):
            return self._number(node, path, kind)
        if kind == "timestamp":
            return self._day(node, path)
        self._fault(path, node, _TAGGED)
        return text

    def _text(self, node: ScalarNode, path: ValuePath) -> str:
        text = _joined(node.value)
        if _UNSPEAKABLE.search(text):
            self._fault(path, node, "a text without NUL characters and lone surrogates")
        return text

    def _number(self, node: ScalarNode, path: ValuePath, kind: str) -> Any:
        text = node.value
        try:
            if len(text) <= MAX_DIGITS:
                return float(text) if kind == "float" else int(text, 0)
        except ValueError:
            pass
        self._fault(path, node, "not a number that is read here; a text is put in quotes")
        return text

    def _day(self, node: ScalarNode, path: ValuePath) -> Any:
        if not _DAY.fullmatch(node.value):
            return node.value
        try:
            return date.fromisoformat(node.value)
        except ValueError:
            self._fault(path, node, f"{node.value} is not a day of the calendar")
            return node.value

    def _fault(self, path: ValuePath, node: Node, allowed: str) -> None:
        # An empty value stands where the next token does: its key knows the line.
        line = self.lines.get(path, _line(node)) if allowed == _NOTHING else _line(node)
        where = f"{self.file}: {path_text(path)} (line {line})"
        self.faults.setdefault(path, Fault(where, "", allowed))
