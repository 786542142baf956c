"""YAML texts that no one should write, and what is said about them."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from evexport_dagster.errors import SpecError
from evexport_dagster.spec.reading import MAX_BYTES, parse_document, read_document

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(12)
)

BROKEN = {
    "empty": ("", "f.yaml: empty"),
    "only a comment": ("# nothing\n", "f.yaml: empty"),
    "a list": ("- a\n- b\n", "f.yaml: line 1: one mapping"),
    "a scalar": ("a", "f.yaml: line 1: one mapping"),
    "a NUL": ("a: 1\nb: \0", "f.yaml: line 2, column 4: a character that YAML"),
    "a tab": ("a:\n\t- b", "f.yaml: line 2, column 1: found character '\\t'"),
    "unclosed": ("a: [1, 2", "f.yaml: line 1, column 9: expected ',' or ']'"),
    "two colons": ("x: 1\na: b: c", "f.yaml: line 2, column 5: mapping values"),
    "two documents": ("a: 1\n---\nb: 2", "f.yaml: line 2, column 1: but found another document"),
    "no such anchor": ("a: *x", "f.yaml: line 1, column 4: found undefined alias"),
    "an alias of itself": ("a: &a [*a]", "f.yaml: line 1: too many or too deeply nested"),
    "aliases of aliases": (BOMB, "too many or too deeply nested"),
    "deep lists": ("a: " + "[" * 1_000_000, "f.yaml: nested more than 32 levels"),
    "deep mappings": ("a: " + "{a: " * 1_000_000, "f.yaml: nested more than 32 levels"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_text_that_is_no_mapping_is_one_fault_with_its_place(name: str) -> None:
    text, said = BROKEN[name]
    with pytest.raises(SpecError) as caught:
        parse_document(text, "f.yaml")
    assert len(caught.value.faults) == 1
    assert said in str(caught.value.faults[0])


FAULTS = {
    "twice": ("a: 1\nb: 2\na: 3", ["f.yaml: a (line 3): the key is already given in line 1"]),
    "twice below": (
        "a: {b: 1, b: 2}",
        ["f.yaml: a.b (line 1): the key is already given in line 1"],
    ),
    "nothing": ("a:\nb: 1", ["f.yaml: a (line 1): nothing is given here"]),
    "a number as a key": ("a: {2: x}", ['f.yaml: a["2"] (line 1): a key is a text']),
    "a list as a key": ("[a]: x", ['f.yaml: ["?"] (line 1): a key is a text']),
    "a merge": ("a: {b: 1, <<: {c: 2}}", ['f.yaml: a["<<"] (line 1): nothing is merged here']),
    "a tag": ("a: !!python/name:os.system x", ["f.yaml: a (line 1): a value that is not read"]),
    "a tagged mapping": ("a: !thing {b: c}", ["f.yaml: a (line 1): a value that is not read"]),
    "an escaped NUL": ('a: "\\0"', ["f.yaml: a (line 1): a text without NUL"]),
    "a lone surrogate": ('a: ["\\ud800"]', ["f.yaml: a[0] (line 1): a text without NUL"]),
    "no day": ("a: 2026-02-30", ["f.yaml: a (line 1): 2026-02-30 is not a day"]),
    "no number": ("a: 0x" + "f" * 200, ["f.yaml: a (line 1): not a number"]),
    "an old boolean": ("%YAML 1.1\n---\na: yes", ["f.yaml: a (line 3): a value that is not read"]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_yaml_allows_and_a_spec_does_not_is_a_fault_of_its_path(name: str) -> None:
    text, said = FAULTS[name]
    faults = [str(fault) for fault in parse_document(text, "f.yaml").faults.values()]
    assert len(faults) == len(said)
    assert all(fault.startswith(start) for fault, start in zip(faults, said, strict=True))


def test_plain_values_keep_their_type() -> None:
    document = parse_document(
        "a: 'yes'\nb: yes\nc: true\nd: 4\ne: 4.5\nf: 2026-06-14\ng: [x, {h: i}]\nj: 0o17", "f.yaml"
    )
    assert not document.faults
    assert document.data == {
        "a": "yes",
        "b": "yes",
        "c": True,
        "d": 4,
        "e": 4.5,
        "f": datetime.date(2026, 6, 14),
        "g": ["x", {"h": "i"}],
        "j": 15,
    }


def test_aliases_are_read_as_copies() -> None:
    document = parse_document("a: &x {k: [1]}\nb: *x\nc: &x 2", "f.yaml")
    assert not document.faults
    assert document.data == {"a": {"k": [1]}, "b": {"k": [1]}, "c": 2}


def test_a_path_knows_its_line_and_a_missing_one_that_of_its_parent() -> None:
    document = parse_document("a:\n  - x\n  - b c: 1\n", "f.yaml")
    assert document.where(("a", 1, "b c")) == 'f.yaml: a[1]["b c"] (line 3)'
    assert document.where(("a", 1, "d")) == "f.yaml: a[1].d (line 3)"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: 1\nb: \xff\xfe", "f.yaml: line 2: not UTF-8 text"),
        ("a: 1".encode("utf-16"), "f.yaml: line 1: not UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), "f.yaml: larger than"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        read_document(path, "f.yaml")
    assert said in str(caught.value)


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: x\r\n")
    assert read_document(path, "f.yaml").data == {"a": 1, "b": "x"}


def test_a_missing_file_is_a_spec_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"f\.yaml: cannot be read: No such file"):
        read_document(tmp_path / "f.yaml", "f.yaml")
