"""Events' properties on their way into `staged`, against an independent reading of their texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from evexport_dagster.compiled.gather import gathered
from evexport_dagster.query import stage
from evexport_dagster.query.mend import take_chunk
from evexport_dagster.query.survey import EventSurvey, Survey

from .hostile import ODD, as_string, number_texts, properties, strict, texts
from .lakes import DAY, NOON, event, open_rows

BATCHES = settings(max_examples=3, deadline=None, phases=[Phase.reuse, Phase.generate])
SEEDS = st.integers(0, 2**63)


@dataclass(frozen=True)
class Staged:
    """What a window of one chunk becomes: texts, and their keys."""

    texts: list[str]
    keys: list[list[str]]
    survey: EventSurvey


def staged(batch: Sequence[str], *, as_string: bool = False, sort: bool = False) -> Staged:
    events = [
        event(event_props=text, event_id=f"{n:06}", event_time=NOON) for n, text in enumerate(batch)
    ]
    rows, survey = open_rows(events), Survey(1)
    selection = stage.Selection(
        DAY, ("Charged",), where=None, device=False, sort=sort, as_string=as_string
    )
    ((chunk, is_last),) = stage.chunks(rows.con, rows.lake, selection)
    assert is_last
    held = take_chunk(rows.con, chunk, survey, as_string=as_string)
    clean = gathered(held.objects).to_pylist()
    of_shapes = rows.con.execute("SELECT keys FROM shapes ORDER BY number").fetchall()
    keys = [of_shapes[shape][0] for shape in held.shapes.tolist()]
    assert len(clean) == len(batch)
    (surveyed,) = survey.events()
    return Staged(clean, keys, surveyed)


@BATCHES
@given(seed=SEEDS, sort=st.booleans())
def test_clean_properties_mean_what_their_source_means(seed: int, sort: bool) -> None:
    batch = texts(seed, 600)
    made = staged(batch, sort=sort)
    for original, text, keys in zip(batch, made.texts, made.keys, strict=True):
        expected = properties(original)
        assert strict(text) == expected, (original, text)
        assert list(strict(text)) == list(expected) == keys, (original, text)


@BATCHES
@given(seed=SEEDS)
def test_as_string_turns_every_scalar_of_properties_into_its_text(seed: int) -> None:
    batch = texts(seed, 400)
    for original, text in zip(batch, staged(batch, as_string=True).texts, strict=True):
        expected = as_string(("object", properties(original)))
        found = ("object", strict(text))
        assert "number" not in repr(found)
        assert number_texts(found, expected) == expected, (original, text)


def test_what_is_odd_in_properties_is_mended_and_counted() -> None:
    for text, cleaned, odd in ODD:
        # Beside others, so that every chunk holds rows of each way.
        made = staged(['{"a":1}', text, '{"a":null,"c":2}', "broken"])
        expected = strict(cleaned) if odd is not None else properties(text)
        assert strict(made.texts[1]) == expected
        assert made.texts[::2] == ['{"a":1}', '{"c":2}']
        counted = {"duplicate_keys": 1} if odd is None else dict(odd)
        counted["malformed_objects"] = counted.get("malformed_objects", 0) + 1
        assert made.survey.oddities == counted


def test_one_list_of_keys_may_be_spelled_in_two_ways() -> None:
    batch = ['{"é":1}', '{"\\u00e9":2}', '{ "\\u00e9":3}', '{"é":4,"x":null}']
    made = staged(batch)
    assert made.survey.names == {"é": 4}
    assert made.keys == [["é"]] * 4
