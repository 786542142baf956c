"""The spec of an export: one strict model, whose attributes are the keys of `exports/*.yaml`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, get_args

import pydantic
from pydantic import (
    ConfigDict,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from evexport_dagster.layouts import LAYOUTS, MARKED_PROFILES
from evexport_dagster.layouts import PROFILES as PROFILES_LAYOUT
from evexport_dagster.layouts import Layout as FileLayout
from evexport_dagster.naming import DataType
from evexport_dagster.spec.fields import (
    Lax,
    Model,
    Wrong,
    no_doubles,
    refuse,
)
from evexport_dagster.spec.misfits import misfits
from evexport_dagster.spec.model_events import (
    NO_EVENTS,
    PROFILES,
    EventChoice,
    Events,
    PropertyChoice,
    ResolvedChoice,
    SchemaUpdates,
)
from evexport_dagster.spec.model_fields import (
    CommPrefs,
    Device,
    Field,
    Identifier,
    Identity,
    Pii,
    UserProperties,
)
from evexport_dagster.spec.model_paths import (
    FileName,
    Folder,
    file_extension,
    path_data_type,
    path_wrongs,
)
from evexport_dagster.spec.model_schedule import DayRange, OneTime, Recurring, Schedule
from evexport_dagster.spec.texts import (
    EMAIL,
    Duration,
    Name,
    Text,
    matching,
    text_like,
)

__all__ = [
    "NO_EVENTS",
    "PROFILES",
    "DayRange",
    "EventChoice",
    "Events",
    "ExportSpec",
    "Field",
    "Identifier",
    "Identity",
    "LateEvents",
    "OneTime",
    "Pii",
    "Recurring",
    "ResolvedChoice",
]


class LateEvents(Model):
    """What happens to events that arrive after their window was exported. They are noticed by the
    source's `arrived_at`; a source without it tells nothing of them."""

    policy: Literal["replace", "report", "ignore"] = "replace"
    """`replace`: the window is delivered again under the same names. `report`: they are counted
    and shown, no more. `ignore`: nobody looks for them."""

    look_back: Duration = timedelta(days=3)
    """How far back from now windows are watched, such as `3d`."""


_NAME_RULE = "expected a-z, 0-9 and '_', a letter first, no '__', at most 100 characters"
ExportName = Annotated[
    str,
    matching(r"(?=.{1,100}\Z)[a-z](?:_?[a-z0-9])*_?", _NAME_RULE),
    pydantic.Field(json_schema_extra={"pattern": "^(?!.*__)(?!.*_history$)[a-z][a-z0-9_]{0,99}$"}),
]
Owner = Annotated[str, *text_like(rf"{EMAIL}|team:\S+", "expected an e-mail address or team:NAME")]
_TAG_KEY = r"(?:[A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}"
TagKey = Annotated[str, *text_like(_TAG_KEY, "expected up to 63 letters, digits, '_', '-' and '.'")]
TagValue = Annotated[
    str, *text_like(r"[A-Za-z0-9_.-]{0,63}", "expected up to 63 letters, digits, '_', '-' and '.'")
]


Layout = Literal["clevertap", "legacy", "infobip"]


class ExportSpec(Model):
    """One export: what is taken from where, how it is written, and when."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"type": {"const": "profiles"}}, "required": ["type"]},
            "else": {"required": ["events"]},
        }
    )

    name: ExportName = pydantic.Field(examples=["purchases"])
    """The export's name, for ever: `[a-z][a-z0-9_]*`, no `__`, not ending in `_history`."""

    type: Literal["events", "profiles"] = "events"
    """What is exported: events, or user profiles."""

    source: Name
    """A source of `evexport.yaml`."""

    destination: Name
    """A destination of `evexport.yaml`."""

    folder: Folder = "root"
    """The folders below the destination."""

    file_name: FileName = "default"
    """`default`, or a template; what keeps names apart is always appended."""

    format: Literal["csv", "json", "xml", "parquet"]
    """The format of the files."""

    compression: Literal["default", "gzip"] = "default"
    """Parquet only. `default`: compressed pages; `gzip`: the whole file besides. The other
    formats are always gzipped."""

    identity: Identity = Identity()
    """How the person of a record is named."""

    timestamp: Literal["epoch", "datetime"] = "epoch"
    """`epoch`: whole seconds since 1970. `datetime`: ISO 8601 in the account's time zone."""

    user_properties: UserProperties = pydantic.Field(
        (), examples=[["Email", {"name": "Gender", "as": "sex"}]]
    )
    """At most 5 of `Email`, `Phone`, `Name`, `Gender`, `DOB` and custom profile properties."""

    device: Device = pydantic.Field((), examples=[["platform", "make", "model"]])
    """Device fields, in the order of the columns."""

    comm_prefs: CommPrefs = pydantic.Field((), examples=[["subscriptionGroups", "MSG-email"]])
    """Communication preferences; their order in the files is fixed."""

    events: Events = NO_EVENTS
    """Which events, and which of their properties; required for `type: events`."""

    properties: PropertyChoice = "all"
    """The custom properties of an export of profiles: `all`, or a list in the order of the
    columns. Those of events are chosen in `events`."""

    schema_updates: SchemaUpdates | None = None
    """Of profiles: `append` adds properties that appear later, `lock` does not. Default: `append`
    with `all`, `lock` with a list."""

    rename_properties: dict[Text, Text] = pydantic.Field(
        default_factory=dict, examples=[{"crm id": "crmId"}]
    )
    """Of profiles: property name -> column name; an `as` in a list wins."""

    tombstones: bool = False
    """Of recurring exports of profiles: a profile that is no longer in the source is in the next
    files with its id alone, and `deleted` is true; every record has `deleted`."""

    schedule: Schedule
    """When it runs: `recurring` or `one_time`."""

    manifest: bool = False
    """Puts a manifest beside each window's files, as the last of them."""

    as_string: bool = False
    """Writes every scalar as text."""

    sort: bool = False
    """Orders rows by time, and gives the same bytes for the same source."""

    where: Text | None = pydantic.Field(None, examples=["event_props->>'Currency' = 'INR'"])
    """A SQL predicate over the canonical columns; only rows that fit are exported."""

    pii: Pii | None = None
    """What happens to personal data."""

    description: Text | None = None
    """What the export is for."""

    owners: Annotated[tuple[Owner, ...], Lax, no_doubles("the owner")] = pydantic.Field(
        (), examples=[["data@acme.com", "team:finance"]]
    )
    """E-mail addresses and `team:NAME`s; they get the notices."""

    tags: dict[TagKey, TagValue] = pydantic.Field(
        default_factory=dict, examples=[{"domain": "finance"}]
    )
    """Labels to find the export by."""

    late_events: LateEvents = LateEvents()
    """What happens to events that arrive after their window was exported."""

    layout: Layout = "clevertap"
    """Whose file layout is written. `legacy` and `infobip` have a fixed set of fields, and names of
    their own: what they cannot honour is refused."""

    @property
    def extension(self) -> str:
        """What file names end in, such as `csv.gz`."""
        return file_extension(self.format, self.packing)

    @property
    def files_as(self) -> FileLayout:
        """The layout of the files: the one that is named, or that of profiles."""
        if self.type == "events":
            return LAYOUTS[self.layout]
        return MARKED_PROFILES if self.tombstones else PROFILES_LAYOUT

    @property
    def packing(self) -> Literal["default", "gzip"]:
        """How Parquet files are compressed: as the layout wants, else as the spec says."""
        return "gzip" if self.files_as.gzips_parquet else self.compression

    @property
    def data_type(self) -> DataType:
        """The word for it in paths: `events` or `profile`."""
        return path_data_type(self.type)

    @property
    def series(self) -> Events:
        """What goes into series of files: the events, or all profiles as if they were one event."""
        if self.type == "events":
            return self.events
        return Events.model_construct(
            select=(PROFILES,),
            properties=self.properties,
            schema_updates=self.schema_updates,
            rename_properties=self.rename_properties,
        )

    def history(self) -> ExportSpec | None:
        """The one-time export of a recurring one's history: the same but for name and days."""
        if not isinstance(self.schedule, Recurring) or self.schedule.history is None:
            return None
        days = OneTime(from_=self.schedule.history.from_, to=self.schedule.history.to)
        return self.model_copy(update={"name": f"{self.name}_history", "schedule": days})

    @model_validator(mode="before")
    @classmethod
    def _with_layout(cls, values: Any) -> Any:
        # pydantic skips checked defaults once a field is wrong; `_fit_together` has to run always.
        return {"layout": "clevertap", **values} if isinstance(values, dict) else values

    @field_validator("layout", mode="wrap")
    @classmethod
    def _fit_together(
        cls, layout: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        wrongs = [*misfits(info.data), *path_wrongs(info.data)]
        try:
            layout = handler(layout)
        except ValidationError:
            wrongs.append(Wrong(f"expected one of {', '.join(get_args(Layout))}"))
        if wrongs:
            raise refuse(*wrongs)
        return layout
