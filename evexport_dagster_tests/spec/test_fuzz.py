"""Whatever a file holds, loading it gives a spec or a SpecError in words for people."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from evexport_dagster.errors import SpecError
from evexport_dagster.settings import Settings
from evexport_dagster.spec.load import LoadedSpec, parse_spec
from evexport_dagster.spec.model import ExportSpec
from evexport_dagster.spec.revisions import fingerprint, meaning, restored, stored
from evexport_dagster_tests.spec.conftest import FULL_SPEC, SPEC

QUICK = hypothesis_settings(deadline=None, max_examples=150)

WORDS = st.sampled_from(sorted(set(re.findall(r"[\w-]+|\{\{[\w-]+\}\}|[^\w\s]", FULL_SPEC))))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), WORDS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(WORDS, st.text()), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = st.sampled_from([*ExportSpec.model_fields, "nam", "", "a b"])


def _outcome(text: str, settings: Settings) -> LoadedSpec | SpecError:
    try:
        outcome: LoadedSpec | SpecError = parse_spec(text, settings, "x.yaml")
    except SpecError as error:
        outcome = error
    if isinstance(outcome, SpecError):
        message = str(outcome)
        assert outcome.faults
        assert message.encode("utf-8")
        for word in ("Input should", "pydantic", "validation error", "\0"):
            assert word not in message
    return outcome


@given(changes=st.dictionaries(KEYS, VALUES, max_size=5))
@QUICK
def test_any_structure(settings: Settings, changes: dict[str, Any]) -> None:
    lines = [line for line in SPEC.splitlines() if line.partition(":")[0] not in changes]
    lines += [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in changes.items()]
    _outcome("\n".join(lines), settings)


@given(data=st.data())
@QUICK
def test_any_change_of_a_text(settings: Settings, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([SPEC, FULL_SPEC]))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(st.one_of(WORDS, st.text(max_size=4))) + text[end:]
    _outcome(text, settings)


@given(text=st.text())
@QUICK
def test_any_text(settings: Settings, text: str) -> None:
    _outcome(text, settings)


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
FIELDS = st.one_of(
    NAMES,
    st.fixed_dictionaries({"name": NAMES}),
    st.fixed_dictionaries({"name": NAMES, "as": NAMES}),
)


def _name(field: Any) -> str:
    return str(field if isinstance(field, str) else field["name"])


CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "as": NAMES,
        "properties": st.one_of(st.just("all"), st.lists(FIELDS, unique_by=_name, max_size=4)),
        "schema_updates": st.sampled_from(["append", "lock"]),
    },
)


@given(
    select=st.lists(NAMES, min_size=1, max_size=4, unique=True),
    choice=CHOICES,
    renames=st.dictionaries(NAMES, NAMES, max_size=3),
    custom=st.lists(NAMES, max_size=3, unique=True),
)
@QUICK
def test_a_right_spec_is_loaded_and_survives_storing(
    settings: Settings,
    select: list[str],
    choice: dict[str, Any],
    renames: dict[str, str],
    custom: list[str],
) -> None:
    common = {key: value for key, value in choice.items() if key != "as"}
    events = {"select": select, "rename_properties": renames, "each": {select[0]: choice}, **common}
    identity = {"identifiers": ["Email", *({"custom": name} for name in custom)]}
    lines = [line for line in SPEC.splitlines() if not line.startswith("events")]
    text = "\n".join([*lines, f"events: {json.dumps(events)}", f"identity: {json.dumps(identity)}"])
    loaded = _outcome(text, settings)
    assert isinstance(loaded, LoadedSpec), loaded
    spec = loaded.spec
    assert spec.events.select == tuple(select)
    again = restored(json.loads(json.dumps(stored(spec))))
    assert again == spec
    assert fingerprint(meaning(again, settings)) == fingerprint(meaning(spec, settings))
