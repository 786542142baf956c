"""Who a record is about: the groups identity, profile and commPrefs of one profile.

They are rendered once per profile, not once per event. The relation that these expressions read
has one row for each profile of a window, with NULL columns where the lake has no such profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from evexport_dagster.columns import Column
from evexport_dagster.formats.cells import Cell, Group, picked_cells, text_cell
from evexport_dagster.spec.model import ExportSpec
from evexport_dagster.text import sql_literal

STANDARD = {"Email": "email", "Phone": "phone", "Name": "name", "Gender": "gender", "DOB": "dob"}
"""User properties that are columns of the profile, not keys of its custom properties."""

SUBSCRIPTIONS = "subscriptionGroups"
_E164 = r"\+[1-9][0-9]{1,14}"
_PRESENT = "list_filter({0}, lambda x, i: x IS NOT NULL AND list_position({0}, x) = i)"


def custom_keys(spec: ExportSpec) -> tuple[str, ...]:
    """The custom profile properties that the export needs: identifiers, then user properties."""
    identifiers = [i.name for i in spec.identity.identifiers if i.kind == "custom"]
    others = [field.name for field in spec.user_properties if field.name not in STANDARD]
    return tuple(dict.fromkeys([*identifiers, *others]))


def uses_phone(spec: ExportSpec) -> bool:
    """Whether a phone number can show in a record, as the source has it."""
    if spec.pii is not None and "phone" in map(str.lower, spec.pii.fields_):
        return False
    identifiers = any(identifier.kind == "Phone" for identifier in spec.identity.identifiers)
    properties = any(field.name == "Phone" for field in spec.user_properties)
    return identifiers or properties or spec.identity.all_identities


def odd_phone(phone: str) -> str:
    """SQL condition: the phone is there and is not E.164."""
    return (
        f"coalesce({phone} <> '' AND NOT regexp_full_match({phone}, {sql_literal(_E164)}), false)"
    )


def identity_group(spec: ExportSpec) -> Group:
    """The group `identity`: identity, all_identities, clevertapId, as far as selected."""
    cells = [_identity("identity", spec)]
    if spec.identity.all_identities:
        cells.append(_all_identities("all_identities"))
    if spec.identity.clevertap_id:
        cells.append(text_cell("clevertapId", "profile_id"))
    return Group("identity", tuple(cells))


def fixed_group(name: str, values: Mapping[str, str], spec: ExportSpec) -> Group:
    """A group of a layout: label -> `identity`, `all_identities`, or a column of the profile.
    Where it has no name, its cells are always there."""
    cells = (_fixed(label, value, spec) for label, value in values.items())
    return Group(name, tuple(replace(cell, always=not name) for cell in cells))


def _fixed(label: str, value: str, spec: ExportSpec) -> Cell:
    if value == "identity":
        return _identity(label, spec)
    return _all_identities(label) if value == "all_identities" else text_cell(label, value)


def _identity(label: str, spec: ExportSpec) -> Cell:
    candidates = [_identifier(i.kind, i.name, spec) for i in spec.identity.identifiers]
    if spec.identity.preference == "first":
        json, text = (f"coalesce({', '.join(it)})" for it in zip(*candidates, strict=True))
        return Cell(label, json, text)
    return _list_cell(label, f"[{', '.join(json for json, _ in candidates)}]")


def _all_identities(label: str) -> Cell:
    texts = "list_concat(coalesce(identities, []), [email, phone])"
    cell = _list_cell(label, f"list_transform({texts}, lambda x: to_json(nullif(x, '')))")
    present = _PRESENT.format(f"list_transform({texts}, lambda x: nullif(x, ''))")
    return replace(cell, items=present)


def _identifier(kind: str, name: str, spec: ExportSpec) -> tuple[str, str]:
    """SQL for an identifier as JSON and as text, NULL where it is missing or empty."""
    if kind == "custom":
        at = custom_keys(spec).index(name) + 1
        return f"nullif(custom_json[{at}], '\"\"')", f"nullif(custom_text[{at}], '')"
    column = {"Email": "email", "Phone": "phone"}.get(
        kind, "list_filter(identities, lambda x: x <> '')[1]"
    )
    text = f"nullif({column}, '')"
    return f"to_json({text})", text


def _list_cell(label: str, json_values: str) -> Cell:
    """A list of the present values, in order, each once; missing where there is none."""
    present = _PRESENT.format(f"({json_values})::VARCHAR[]")
    joined = f"nullif('[' || array_to_string({present}, ',') || ']', '[]')"
    return Cell(label, joined, joined)


def profile_group(spec: ExportSpec) -> Group:
    """The group `profile`: the selected user properties, in the spec's order."""
    keys = custom_keys(spec)
    cells = []
    for field in spec.user_properties:
        if field.name in STANDARD:
            cells.append(text_cell(field.label, STANDARD[field.name]))
        else:
            at = keys.index(field.name) + 1
            json, text = f"custom_json[{at}]", f"custom_text[{at}]"
            cells.append(Cell(field.label, json, text, (field.name,)))
    return Group("profile", tuple(cells))


def comm_prefs_group(spec: ExportSpec, picked: str) -> Group:
    """The group `commPrefs`, from the list `picked` of the selected preferences."""
    columns = [Column(name, (name,)) for name in spec.comm_prefs]
    return Group("commPrefs", picked_cells(columns, picked))
