"""One list of columns: whatever the source does later, a header changes only at its end."""

from __future__ import annotations

from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from evexport_dagster.columns import (
    Column,
    EventColumns,
    KnownNames,
    event_columns,
    header,
    needs_names_at_creation,
)
from evexport_dagster.spec.model_events import ResolvedChoice
from evexport_dagster.spec.model_fields import Field

RELAXED = settings(deadline=None, max_examples=100)
NAMES = st.sampled_from(["a", "b", "c", "A", "x.y", "é", "b_2"])
UPDATES: st.SearchStrategy[Literal["append", "lock"]] = st.sampled_from(["append", "lock"])
FIELDS = st.lists(
    st.builds(Field, NAMES, st.none() | NAMES), max_size=4, unique_by=lambda it: it.name
).map(tuple)
CHOICES = st.builds(
    ResolvedChoice,
    label=st.just("Charged"),
    properties=st.just("all") | FIELDS,
    schema_updates=UPDATES,
    renames=st.dictionaries(NAMES, NAMES, max_size=3),
)


def choice(properties: Any = "all", updates: Any = "append", **renames: str) -> ResolvedChoice:
    if properties != "all":
        properties = tuple(Field(*it) if isinstance(it, tuple) else Field(it) for it in properties)
    return ResolvedChoice("Charged", properties, updates, renames)


def columns(chosen: ResolvedChoice, names: str, at_creation: int = 0, at_first: int = 0) -> str:
    """`label=source+source label=source`, in order."""
    made = event_columns(chosen, KnownNames(tuple(names.split()), at_creation, at_first))
    return " ".join(f"{it.label}={'+'.join(it.sources)}" for it in made.columns)


def test_all_takes_the_names_first_seen_first() -> None:
    assert columns(choice(), "b a c") == "b=b a=a c=c"
    assert columns(choice(b="x"), "b a c") == "x=b a=a c=c"


def test_names_that_end_up_the_same_are_one_column_where_the_first_stood() -> None:
    assert columns(choice(c="b"), "a b c") == "a=a b=b+c"
    assert columns(choice(["a", ("b", "x"), ("c", "a")]), "") == "a=a+c x=b"


def test_labels_compare_by_case() -> None:
    assert columns(choice(), "Model model") == "Model=Model model=model"


def test_a_lock_keeps_what_was_there_at_first() -> None:
    assert columns(choice(updates="lock"), "a b c", at_first=2) == "a=a b=b"
    assert columns(choice(["b", "z"], "lock"), "a b c", at_first=2) == "b=b z=z"


def test_a_list_that_appends_never_brings_back_what_was_deselected() -> None:
    assert columns(choice(["b"]), "a b c d", at_creation=2) == "b=b c=c d=d"
    assert columns(choice(["c"]), "a b c d", at_creation=2) == "c=c d=d"
    assert columns(choice(["b"], d="b"), "a b c d", at_creation=2) == "b=b+d c=c"


def test_what_is_listed_keeps_its_order_in_every_format() -> None:
    assert event_columns(choice(["b"]), KnownNames(())).listed
    assert not event_columns(choice(), KnownNames(("a",))).listed


def test_which_choices_need_the_names_at_creation() -> None:
    assert needs_names_at_creation(choice(updates="lock"))
    assert needs_names_at_creation(choice(["a"]))
    assert not needs_names_at_creation(choice())
    assert not needs_names_at_creation(choice(["a"], "lock"))


def test_what_the_columns_say_of_their_sources() -> None:
    made = event_columns(choice(c="b"), KnownNames(("a", "b", "c")))
    assert made.sources == {"a", "b", "c"}
    assert not made.is_as_in_source
    assert EventColumns((Column("a", ("a",)),), listed=False).is_as_in_source


@RELAXED
@given(CHOICES, st.lists(NAMES, unique=True), st.data())
def test_columns_never_change_but_at_their_end(
    chosen: ResolvedChoice, names: list[str], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(names)))
    at_creation = data.draw(st.integers(0, cut))
    before, after = (
        event_columns(chosen, KnownNames(tuple(known), at_creation, cut)).columns
        for known in (names[:cut], names)
    )
    assert [it.label for it in after[: len(before)]] == [it.label for it in before]
    for old, new in zip(before, after, strict=False):
        assert new.sources[: len(old.sources)] == old.sources
    sources = [source for column in after for source in column.sources]
    assert len(set(sources)) == len(sources)
    if chosen.schema_updates == "lock":
        assert after == before
    labels = [("", ("eventName",)), ("identity", ("identity", "A"))]
    first, second = (
        header([*labels, ("eventProps", [it.label for it in it_])]) for it_ in (before, after)
    )
    assert second[: len(first)] == first


def test_a_label_of_two_groups_is_qualified_then_numbered() -> None:
    groups = [
        ("", ["eventName"]),
        ("deviceInfo", ["browser", "make"]),
        ("eventProps", ["browser", "Browser", "eventName", "make"]),
    ]
    assert header(groups) == (
        *("eventName", "browser", "make"),
        *("eventProps.browser", "Browser", "eventProps.eventName", "eventProps.make"),
    )
    taken = [("", ["a", "p.a", "p.a_2"]), ("p", ["a", "p.a"])]
    assert header(taken) == ("a", "p.a", "p.a_2", "p.a_3", "p.p.a")


@RELAXED
@given(st.lists(st.tuples(st.sampled_from("pq"), st.lists(NAMES | st.just("p.a"), unique=True))))
def test_the_labels_of_a_header_are_unique(groups: list[tuple[str, list[str]]]) -> None:
    labels = header(groups)
    assert len(labels) == len(set(labels)) == sum(len(names) for _, names in groups)
