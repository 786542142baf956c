"""`make docs`: the page of every YAML key, made from the models' own words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evexport_dagster.spec.schema import SCHEMAS, schema

PAGE = Path(__file__).with_name("reference.md")

_TITLES = {
    "project.schema.json": ("evexport.yaml", "What all exports of a project share."),
    "export.schema.json": ("exports/NAME.yaml", "One file for each export."),
}
_HEAD = """\
# Every key

Made by `make docs` from the models in `evexport_dagster/spec/`. `*` stands for a name of your
choice, `[]` for an item of a list. A secret is never written, only the name of the environment
variable that holds it: `{env: NAME}`.
"""
_WORDS = {"string": "text", "integer": "number", "number": "number", "boolean": "`true` or `false`"}

Node = dict[str, Any]


def page() -> str:
    """The page as Markdown."""
    parts = [_HEAD]
    for file, (title, about) in _TITLES.items():
        root = schema(SCHEMAS[file])
        rows = "\n".join(_rows("", root, root))
        parts.append(
            f"## `{title}`\n\n{about}\n\n| key | value | default | |\n|---|---|---|---|\n{rows}\n"
        )
    return "\n".join(parts)


def _rows(path: str, node: Node, root: Node, defaults: Node | None = None) -> Iterator[str]:
    """A line for each key below a node, depth first; `defaults` are those of a whole mapping,
    which are written as a person would write them."""
    node = _resolved(node, root)
    if node.get("properties", {}).keys() == {"env"}:
        return
    for key, value in node.get("properties", {}).items():
        default = (defaults or {}).get(key, value.get("default"))
        below = f"{path}.{key}" if path else key
        yield _row(below, value, "required" if key in node.get("required", ()) else default, root)
        yield from _rows(below, value, root, default if isinstance(default, dict) else None)
    for named in _named(node):
        yield from _rows(f"{path}.*", named, root)
    if "items" in node:
        yield from _rows(f"{path}[]", node["items"], root)
    for choice in _choices(node):
        yield from _rows(path, choice, root)


def _row(path: str, node: Node, default: Any, root: Node) -> str:
    text = node.get("description") or _resolved(node, root).get("description", "")
    shown = f"`{_yaml(default)}`" if isinstance(default, bool | int | str) else ""
    words = "required" if default == "required" else shown
    cells = (f"`{path}`", _value(node, root), words, " ".join(text.split()))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(node: Node, root: Node) -> str:
    """What may stand there, in words."""
    node = _resolved(node, root)
    if "const" in node:
        return f"`{_yaml(node['const'])}`"
    if "enum" in node:
        return ", ".join(f"`{_yaml(it)}`" for it in node["enum"])
    if choices := _choices(node):
        return " or ".join(dict.fromkeys(_value(it, root) for it in choices))
    if node.get("type") == "array":
        return f"list of: {_value(node.get('items', {}), root)}"
    if keys := node.get("properties"):
        return "{" + ", ".join(keys) + "}"
    if named := _named(node):
        return f"name: {_value(named[0], root)}"
    if node.get("format") == "date":
        return "day"
    return _WORDS.get(node.get("type", ""), "any value")


def _named(node: Node) -> list[Node]:
    extra = node.get("additionalProperties")
    return [*node.get("patternProperties", {}).values(), *([extra] if extra else [])]


def _choices(node: Node) -> list[Node]:
    choices: list[Node] = node.get("oneOf") or node.get("anyOf") or []
    return choices


def _resolved(node: Node, root: Node) -> Node:
    while "$ref" in node:
        node = root["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def _yaml(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
