"""What a layout makes of a spec: what it cannot honour, and what it takes by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from evexport_dagster.errors import Fault
from evexport_dagster.layouts import LAYOUTS, Chosen, EventTime, Layout, OfDevice, OfPerson
from evexport_dagster.naming import Template, TemplateError, Variable
from evexport_dagster.spec.document import Document, ValuePath
from evexport_dagster.spec.model import PROFILES, ExportSpec
from evexport_dagster.spec.model_fields import Field

_NOTHING: Final[tuple[Any, ...]] = ([], {}, None)
_TYPE: Final = ("type",)


def layout_faults(document: Document) -> Iterator[tuple[ValuePath, Fault]]:
    """Each value of a spec that its layout cannot honour, as far as the document can be read."""
    name = document.get(("layout",))
    layout = LAYOUTS.get(name) if isinstance(name, str) else None
    if layout is None:
        return
    if document.get(_TYPE) == PROFILES and PROFILES not in layout.honours.get(_TYPE, (PROFILES,)):
        rule = "is for events only: leave this out, files of profiles have one layout"
        yield ("layout",), document.fault(("layout",), rule)
        return
    for path, allowed in layout.honours.items():
        value = document.get(path)
        if document.has(path) and value not in _NOTHING and value not in allowed:
            yield path, document.fault(path, _rule(layout, allowed))
    yield from _folder_faults(document, layout)


def _rule(layout: Layout, allowed: tuple[Any, ...]) -> str:
    if not allowed:
        return f"layout {layout.name!r} has its own and takes no other; leave this out"
    values = " or ".join(str(it).lower() if isinstance(it, bool) else it for it in allowed)
    return f"layout {layout.name!r} can only do {values}"


def _folder_faults(document: Document, layout: Layout) -> Iterator[tuple[ValuePath, Fault]]:
    folder = document.get(("folder",))
    rule = f"the files of layout {layout.name!r} have no {{}}: choose another folder"
    if folder == "event_name" and Variable.EVENT_NAME in layout.not_in_folders:
        yield ("folder",), document.fault(("folder",), rule.format(Variable.EVENT_NAME.value))
    path = ("folder", "template")
    text = document.get(path)
    if not isinstance(text, str):
        return
    try:
        template = Template.parse(text)
    except TemplateError:
        return
    for variable in layout.not_in_folders:
        if position := template.position_of(variable):
            said = f"position {position}: {rule.format(variable.value)}"
            yield path, document.fault(path, said)


_USER_PROPERTIES: Final = {"email": "Email", "phone": "Phone", "name": "Name"}


def laid_out(spec: ExportSpec) -> ExportSpec:
    """The spec with all that its layout takes by itself: fields of the device and the person, the
    form of times."""
    record = spec.files_as.record
    if any(isinstance(member, Chosen) for member in record):
        return spec
    values = [it for member in record if isinstance(member, OfPerson) for it in _values(member)]
    fields = [it for member in record if isinstance(member, OfDevice) for it in member.fields]
    properties = (Field(_USER_PROPERTIES[it]) for it in values if it in _USER_PROPERTIES)
    identity = {"all_identities": "all_identities" in values, "clevertap_id": True}
    times = {it.form for it in record if isinstance(it, EventTime)} & {"epoch", "datetime"}
    return spec.model_copy(
        update={
            "device": tuple(fields),
            "user_properties": tuple(properties),
            "identity": spec.identity.model_copy(update=identity),
            **({"timestamp": times.pop()} if times else {}),
        }
    )


def _values(member: OfPerson) -> list[str]:
    return list(member.values.values())
