"""What the records of a delivery can hold, its hash, and how it differs from an earlier one.

A field is a label in a group. Those of properties have kinds: what JSON calls their values in the
rows of the delivery (the first value of each source property counts), none where no row has any.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

PROPERTIES: Final = ("eventProps", "profileProps", "properties")
"""What layouts call the group of the properties."""

Change = tuple[str, str]
"""The kinds of a property, before and after."""


@dataclass(frozen=True)
class Field:
    """A label, the group that it stands in ('' for what stands before the groups), its kinds."""

    group: str
    label: str
    kinds: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Its kinds in words, such as `number or text`; '' for none."""
        return " or ".join(self.kinds)


@dataclass(frozen=True)
class RecordSchema:
    """The fields of the records of a delivery, in order; the same in every format."""

    fields: tuple[Field, ...]

    @cached_property
    def body(self) -> str:
        """The schema as JSON."""
        listed = [[it.group, it.label, *it.kinds] for it in self.fields]
        return json.dumps(listed, separators=(",", ":"))

    @cached_property
    def hash(self) -> str:
        """What tells it from others."""
        return hashlib.sha256(self.body.encode()).hexdigest()[:32]

    @classmethod
    def of_body(cls, body: str) -> RecordSchema:
        """The schema with this body."""
        listed = json.loads(body)
        return cls(tuple(Field(group, label, tuple(kinds)) for group, label, *kinds in listed))

    @property
    def properties(self) -> dict[str, Field]:
        """The properties of the event, by label."""
        return {it.label: it for it in self.fields if it.group in PROPERTIES}


@dataclass(frozen=True)
class Drift:
    """What became of the properties of an event from one delivery to the next, by label.

    `added` are new; `vanished` had values, and have none now, though their columns may stay;
    `returned` have values again; `changed` have values of other kinds.
    """

    added: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    changed: tuple[tuple[str, Change], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.vanished or self.returned or self.changed)

    def as_json(self) -> dict[str, object]:
        """`{"added": [...], "vanished": [...], "returned": [...], "changed": {label: [...]}}`."""
        return {
            "added": list(self.added),
            "vanished": list(self.vanished),
            "returned": list(self.returned),
            "changed": {label: list(kinds) for label, kinds in self.changed},
        }

    def in_words(self) -> str:
        """One line, such as `added a, b; vanished c; d is text, was number`."""
        parts = [
            f"{what} {', '.join(labels)}"
            for what, labels in (
                ("added", self.added),
                ("vanished", self.vanished),
                ("returned", self.returned),
            )
            if labels
        ]
        parts += [f"{label} is {after}, was {before}" for label, (before, after) in self.changed]
        return "; ".join(parts)


def record_schema(
    groups: Iterable[tuple[str, Iterable[str]]],
    sources: Mapping[str, Collection[str]],
    kinds: Mapping[str, str],
) -> RecordSchema:
    """The schema of records with these labels, by group.

    `sources` are the properties of the source that a label of properties stands for; `kinds` gives
    those of the properties that rows have.
    """

    def field(group: str, label: str) -> Field:
        of_properties = sources.get(label, ()) if group in PROPERTIES else ()
        found = {kinds[source] for source in of_properties if source in kinds}
        return Field(group, label, tuple(sorted(found)))

    return RecordSchema(tuple(field(group, label) for group, labels in groups for label in labels))


def drift(before: RecordSchema, after: RecordSchema) -> Drift:
    """What changed between two deliveries of an event."""
    old, new = before.properties, after.properties
    had = {label for label, it in old.items() if it.kinds}
    have = {label: it for label, it in new.items() if it.kinds}
    return Drift(
        added=tuple(label for label in new if label not in old),
        vanished=tuple(label for label in old if label in had and label not in have),
        returned=tuple(label for label in have if label in old and label not in had),
        changed=tuple(
            (label, (old[label].kind, it.kind))
            for label, it in have.items()
            if label in had and old[label].kinds != it.kinds
        ),
    )
