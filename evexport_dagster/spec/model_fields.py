"""Who a record is about, and which values of it are exported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, Tag

from evexport_dagster.spec.fields import (
    MAPPING,
    TEXT,
    Lax,
    Model,
    NonEmpty,
    Written,
    Wrong,
    at_least_one,
    by_shape,
    doubles,
    no_doubles,
    refuse,
    words,
)
from evexport_dagster.spec.texts import SecretField, Text

MAX_USER_PROPERTIES = 5

IdentifierKind = Literal["Identity", "Email", "Phone", "custom"]
DeviceField = Literal[
    "platform",
    "token",
    "make",
    "model",
    "appVersion",
    "sdkVersion",
    "osVersion",
    "browser",
    "dpi",
    "dimensions",
]
CommPref = Literal[
    "subscriptionGroups", "MSG-webpush", "MSG-push", "MSG-email", "MSG-sms", "MSG-whatsapp"
]
COMM_PREFS: tuple[CommPref, ...] = (
    "subscriptionGroups",
    "MSG-webpush",
    "MSG-push",
    "MSG-email",
    "MSG-sms",
    "MSG-whatsapp",
)
"""Every preference, in the order in which all formats write them."""


class _CustomForm(Model):
    custom: Text
    """The key of a custom profile property."""


@dataclass(frozen=True)
class Identifier:
    """One way to name a person: a standard identifier, or a custom profile property."""

    kind: IdentifierKind
    name: str


def _identifier(form: Any) -> Identifier:
    if isinstance(form, _CustomForm):
        return Identifier("custom", form.custom)
    return Identifier(form, form)


_IDENTIFIERS = "Identity, Email, Phone or {custom: PROPERTY}"
_IdentifierForm = Annotated[
    Annotated[Literal["Identity", "Email", "Phone"], words(_IDENTIFIERS), Tag(TEXT)]
    | Annotated[_CustomForm, Tag(MAPPING)],
    by_shape(_IDENTIFIERS),
]
IdentifierField = Annotated[
    Identifier,
    Written(
        _IdentifierForm,
        _identifier,
        lambda it: {"custom": it.name} if it.kind == "custom" else it.kind,
        (Identifier,),
    ),
]


class _FieldForm(Model):
    name: Text
    """The property's name in the source."""

    as_: Text | None = pydantic.Field(None, alias="as")
    """Its name in the exported files."""


@dataclass(frozen=True)
class Field:
    """A property, and the name it gets in the files if that is another one."""

    name: str
    as_: str | None = None

    @property
    def label(self) -> str:
        """The name in the files."""
        return self.name if self.as_ is None else self.as_


_PropertyForm = Annotated[
    Annotated[Text, Tag(TEXT)] | Annotated[_FieldForm, Tag(MAPPING)],
    by_shape("a property's name, or {name: NAME, as: LABEL}"),
]
PropertyField = Annotated[
    Field,
    Written(
        _PropertyForm,
        lambda form: Field(form) if isinstance(form, str) else Field(form.name, form.as_),
        lambda it: it.name if it.as_ is None else {"name": it.name, "as": it.as_},
        (Field,),
    ),
]


def _few_and_unlike(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    wrongs = doubles(fields, "the property", lambda field: field.name) or doubles(
        fields, "the column name", lambda field: field.label
    )
    if len(fields) > MAX_USER_PROPERTIES:
        rule = f"expected at most {MAX_USER_PROPERTIES} properties; here are {len(fields)}"
        wrongs = (Wrong(rule, shown=False), *wrongs)
    if wrongs:
        raise refuse(*wrongs)
    return fields


def _in_contract_order(chosen: tuple[CommPref, ...]) -> tuple[CommPref, ...]:
    return tuple(pref for pref in COMM_PREFS if pref in chosen)


Properties = Annotated[
    tuple[PropertyField, ...], Lax, no_doubles("the property", lambda field: field.name)
]
"""Two properties may share a label: their values are merged."""

UserProperties = Annotated[
    tuple[PropertyField, ...],
    pydantic.Field(strict=False, json_schema_extra={"maxItems": MAX_USER_PROPERTIES}),
    AfterValidator(_few_and_unlike),
]
Device = Annotated[tuple[DeviceField, ...], Lax, no_doubles("the field")]
CommPrefs = Annotated[
    tuple[CommPref, ...], Lax, no_doubles("the preference"), AfterValidator(_in_contract_order)
]


class Identity(Model):
    """How the person of a record is named."""

    identifiers: Annotated[
        tuple[IdentifierField, ...],
        NonEmpty,
        at_least_one,
        no_doubles("the identifier"),
    ] = pydantic.Field(
        (Identifier("Identity", "Identity"),),
        examples=[["Identity", "Email", {"custom": "crm_id"}]],
    )
    """Ordered identifiers: `Identity`, `Email`, `Phone` or `{custom: PROPERTY}`; at least one."""

    preference: Literal["first", "all"] = "first"
    """`first`: the first identifier that has a value. `all`: the list of all that have one."""

    all_identities: bool = False
    """Adds every identity of the profile, then its e-mail, then its phone, as a list."""

    clevertap_id: bool = True
    """Adds the profile's id."""


PiiAction = Literal["drop", "hash", "mask"]


class Pii(Model):
    """What happens to personal data before anything else is done with a record."""

    key: SecretField | None = None
    """The key of `hash` (HMAC-SHA-256); needed where a field is hashed."""

    fields_: dict[Text, PiiAction] = pydantic.Field(
        default_factory=dict, alias="fields", examples=[{"Email": "hash", "Phone": "mask"}]
    )
    """What happens to each field, wherever its name stands: in the profile (`Email`, `Phone`,
    `Name`, `Gender`, `DOB`, `Identity`, custom properties), in events, in the device. `drop`: as
    if it were not there. `hash`: HMAC-SHA-256 of the exact text, 64 hexadecimal digits. `mask`: an
    e-mail address keeps its first letter and domain (`j***@acme.com`), seven digits or more
    keep the last two (`***67`), anything else its first character (`J***`). `where`, and the
    fallback of identities, see what is left."""

    forbid: Annotated[tuple[Text, ...], Lax, no_doubles("the pattern")] = pydantic.Field(
        (), examples=[["*ssn*", "*password*"]]
    )
    """Patterns of names, in any case: a match that is not in `fields` and would be exported fails
    the run before anything is written."""

    @pydantic.model_validator(mode="after")
    def _has_key(self) -> Pii:
        if self.key is None and "hash" in self.fields_.values():
            raise refuse(Wrong("required where a field is hashed: key: {env: NAME}", ("key",)))
        return self
