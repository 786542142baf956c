"""A document against a model: every fault at once, in words for people."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from evexport_dagster.errors import Fault, SpecError
from evexport_dagster.spec.document import Document, ValuePath
from evexport_dagster.spec.fields import (
    FROM_YAML,
    REQUIRED,
    UP,
    Model,
    Wrong,
    nearest,
)

PathFault = tuple[ValuePath, Fault]

_M = TypeVar("_M", bound=Model)

_PLAIN: Final[Mapping[str, str]] = {
    "bool_type": "expected true or false",
    "int_type": "expected a whole number, without quotes",
    "date_type": "expected a day, such as 2026-06-14, without quotes",
    "string_too_short": "expected a text that is not empty",
    "tuple_type": "expected a list",
    "dict_type": "expected a mapping (`key: value`)",
    "model_type": "expected a mapping (`key: value`)",
    "model_attributes_type": "expected a mapping (`key: value`)",
}
"""What is allowed, by the kind of a pydantic error that needs no details."""


def validated(model: type[_M], document: Document) -> tuple[_M | None, list[PathFault]]:
    """The document as a model, or None and every fault, each with its path."""
    faults = list(document.faults.items())
    try:
        value = model.model_validate(document.data, context=FROM_YAML, by_alias=True, by_name=False)
    except ValidationError as error:
        for details in error.errors(include_url=False, include_input=False):
            faults += (
                (path, fault)
                for path, fault in _faults(details, document, model)
                if path not in document.faults
            )
        return None, faults
    return (None if faults else value), faults


def raise_faults(document: Document, faults: Iterable[PathFault]) -> None:
    """Raises one SpecError with all faults in the order of the file; none, nothing."""
    ordered = sorted(set(faults), key=lambda it: (document.position(it[0]), it[1]))
    if ordered:
        count = "a fault" if len(ordered) == 1 else f"{len(ordered)} faults"
        raise SpecError(f"{document.file} has {count}", [fault for _, fault in ordered])


def _faults(error: ErrorDetails, document: Document, model: type[Model]) -> Iterator[PathFault]:
    path, is_key = _path(error["loc"], document)
    kind = error["type"]
    if is_key:
        allowed = error["ctx"]["text"] if kind == "wrong" else _allowed(error, path[-1])
        yield path, document.fault(path, allowed, found=repr(path[-1]))
    elif kind == "wrong":
        for wrong in error["ctx"]["wrongs"]:
            yield _wrong(wrong, path, document)
    elif kind == "string_unicode":
        # The document has told so already, at the key or the text itself.
        return
    elif kind == "missing":
        yield path, document.fault(path, _required(path, document, model))
    elif kind == "extra_forbidden":
        allowed = _unknown(str(path[-1]), known_keys(model, path[:-1], document))
        yield path, document.fault(path, allowed, found="")
    else:
        value = document.get(path)
        if kind == "store" and isinstance(value, dict):
            path, value = (*path, "type"), value.get("type")
        yield path, document.fault(path, _allowed(error, value))


def _path(loc: Iterable[str | int], document: Document) -> tuple[ValuePath, bool]:
    """The path of an error, and whether it is about the key there, not about the value."""
    path = tuple(step for step in loc if not str(step).startswith("\0"))
    is_key = path[-1:] == ("[key]",) and not document.has(path)
    return (path[:-1] if is_key else path), is_key


def _wrong(wrong: Wrong, path: ValuePath, document: Document) -> PathFault:
    at = (*path[:-1], *wrong.at[1:]) if wrong.at[:1] == (UP,) else (*path, *wrong.at)
    return at, document.fault(at, wrong.allowed, found=None if wrong.shown else "")


def _allowed(error: ErrorDetails, value: Any) -> str:
    kind = error["type"]
    if kind in _PLAIN:
        return _PLAIN[kind]
    make = _WITH_DETAILS.get(kind)
    return make(error, value) if make else error["msg"]


def _one_of(error: ErrorDetails, value: Any) -> str:
    words = re.findall("'([^']*)'", error["ctx"]["expected"])
    near = nearest(value, words) if isinstance(value, str) else ""
    return f"expected one of {', '.join(words)}{near}"


def _store(error: ErrorDetails, value: Any) -> str:
    if value is None:
        return f"required: one of {error['msg']}"
    near = nearest(value, error["msg"].split(", ")) if isinstance(value, str) else ""
    return f"expected one of {error['msg']}{near}"


def _quoted(error: ErrorDetails, value: Any) -> str:
    return (
        "expected a text" if isinstance(value, list | dict) else "expected a text: put it in quotes"
    )


_WITH_DETAILS: Final[Mapping[str, Callable[[ErrorDetails, Any], str]]] = {
    "literal_error": _one_of,
    "store": _store,
    "string_type": _quoted,
    "shape": lambda error, value: error["msg"],
    "greater_than_equal": lambda error, value: f"expected {error['ctx']['ge']} or more",
    "less_than_equal": lambda error, value: f"expected {error['ctx']['le']} or less",
}
"""What is allowed, made from a pydantic error and the value."""


def _required(path: ValuePath, document: Document, model: type[Model]) -> str:
    about = next(
        (
            node["properties"][path[-1]].get("description", "")
            for node in _nodes(model, path[:-1], document)
            if path[-1] in node.get("properties", {})
        ),
        "",
    )
    first = " ".join(re.split(r"(?<=\.)\s", about)[0].split()).removesuffix(".")
    return f"{REQUIRED} ({first})" if first else REQUIRED


def _unknown(key: str, known: Iterable[str]) -> str:
    near = nearest(key, known)
    return f"unknown key{near}" if near else f"unknown key; known are {', '.join(known)}"


def known_keys(model: type[Model], path: ValuePath, document: Document) -> tuple[str, ...]:
    """The keys that the model knows at a path of a document, in their order."""
    keys = (key for node in _nodes(model, path, document) for key in node.get("properties", {}))
    return tuple(dict.fromkeys(keys))


@cache
def _schema(model: type[Model]) -> dict[str, Any]:
    return model.model_json_schema()


def _nodes(model: type[Model], path: ValuePath, document: Document) -> list[dict[str, Any]]:
    schema = _schema(model)
    nodes = list(_branches(schema, schema, document.data))
    for end, step in enumerate(path, start=1):
        value = document.get(path[:end])
        below = [inner for node in nodes if (inner := _below(node, step)) is not None]
        nodes = [branch for inner in below for branch in _branches(inner, schema, value)]
    return nodes


def _below(node: dict[str, Any], step: str | int) -> dict[str, Any] | None:
    if isinstance(step, int):
        return node.get("items")
    any_key = next(iter(node.get("patternProperties", {}).values()), None)
    inner = node.get("properties", {}).get(step, any_key or node.get("additionalProperties"))
    return inner if isinstance(inner, dict) else None


def _branches(node: dict[str, Any], schema: dict[str, Any], value: Any) -> Iterator[dict[str, Any]]:
    """The node without references and unions; of several stores only the chosen one."""
    if "$ref" in node:
        target = schema["$defs"][node["$ref"].rpartition("/")[2]]
        yield from _branches(target, schema, value)
        return
    choices = node.get("anyOf", node.get("oneOf"))
    for choice in choices or ():
        yield from _branches(choice, schema, value)
    chosen = node.get("properties", {}).get("type", {}).get("const")
    if not choices and (
        chosen is None or not isinstance(value, dict) or value.get("type") == chosen
    ):
        yield node
