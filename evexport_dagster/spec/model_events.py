"""Which events are exported, and with which properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import pydantic
from pydantic import Tag, ValidationInfo, field_validator

from evexport_dagster.spec.fields import (
    LIST,
    TEXT,
    Model,
    NonEmpty,
    Wrong,
    at_least_one,
    by_shape,
    no_doubles,
    refuse,
    words,
)
from evexport_dagster.spec.model_fields import Field, Properties
from evexport_dagster.spec.texts import Text

SchemaUpdates = Literal["append", "lock"]
Group = Literal["all", "system", "engagement"]

PROFILES: Final = "profiles"
"""The one series of an export of profiles, where one of events has a series for each event."""


_Names = Annotated[tuple[Text, ...], NonEmpty, at_least_one, no_doubles("the event")]
_GROUPS = "all, system, engagement or a list of event names"
Select = Annotated[
    Annotated[Group, words(_GROUPS), Tag(TEXT)] | Annotated[_Names, Tag(LIST)],
    by_shape(_GROUPS),
]
_CHOICES = "all, or a list of properties"
PropertyChoice = Annotated[
    Annotated[Literal["all"], words(_CHOICES), Tag(TEXT)] | Annotated[Properties, Tag(LIST)],
    by_shape(_CHOICES),
]


@dataclass(frozen=True)
class ResolvedChoice:
    """What holds for one event, every default applied.

    Listed properties carry their final label; `renames` (source name -> label) is for those
    that are not listed: with `all`, and those that `append` adds later.
    """

    label: str
    properties: Literal["all"] | tuple[Field, ...]
    schema_updates: SchemaUpdates
    renames: Mapping[str, str]


class EventChoice(Model):
    """What differs for one event."""

    as_: Text | None = pydantic.Field(None, alias="as")
    """The event's name in the records; folders and file names keep the original."""

    properties: PropertyChoice | None = None
    """`all`, or a list in the order of the columns; default: `events.properties`."""

    schema_updates: SchemaUpdates | None = None
    """`append` or `lock` for this event; default: `events.schema_updates`."""


class Events(Model):
    """The events of an export."""

    select: Select
    """`all`, `system` (later system events join), `engagement` (the list of today) or a list."""

    properties: PropertyChoice = "all"
    """`all`, or a list in the order of the columns: what holds for each event."""

    schema_updates: SchemaUpdates | None = None
    """`append` adds properties that appear later, `lock` does not. Default: `append` with
    `all`, `lock` with a list."""

    rename_properties: dict[Text, Text] = pydantic.Field(
        default_factory=dict, examples=[{"Campaign id": "campaignId"}]
    )
    """Property name -> column name, in every event; an `as` in a list wins."""

    each: dict[Text, EventChoice] = pydantic.Field(default_factory=dict)
    """What differs for single events, by their name."""

    @field_validator("each")
    @classmethod
    def _are_selected(
        cls, each: dict[str, EventChoice], info: ValidationInfo
    ) -> dict[str, EventChoice]:
        select = info.data.get("select")
        if isinstance(select, tuple):
            strange = [name for name in each if name not in select]
            if strange:
                rule = "the event is not in events.select"
                raise refuse(*(Wrong(rule, (name,), shown=False) for name in strange))
        return each

    def choice(self, event_name: str) -> ResolvedChoice:
        """What holds for an event, every default applied."""
        own = self.each.get(event_name, EventChoice())
        properties = self.properties if own.properties is None else own.properties
        listed = properties != "all"
        updates = own.schema_updates or self.schema_updates or ("lock" if listed else "append")
        return ResolvedChoice(
            label=event_name if own.as_ is None else own.as_,
            properties=properties if properties == "all" else self._renamed(properties),
            schema_updates=updates,
            renames=self.rename_properties,
        )

    def _renamed(self, fields: tuple[Field, ...]) -> tuple[Field, ...]:
        return tuple(
            Field(field.name, field.as_ or self.rename_properties.get(field.name))
            for field in fields
        )


NO_EVENTS = Events.model_construct(select=())
"""The events of an export that has none: one of profiles."""
