"""One list of columns: whatever the source does later, a header changes only at its end."""

from __future__ import annotations

from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from evexport_dagster.columns import (
    Column,
    ColumnPlan,
    EventColumns,
    KnownNames,
    event_columns,
    header,
    needs_names_at_creation,
    relabelled,
    same_records,
)
from evexport_dagster.spec.model_events import ResolvedChoice
from evexport_dagster.spec.model_fields import Field

RELAXED = settings(deadline=None, max_examples=100)
NAMES = st.sampled_from(["a", "b", "c", "A", "x.y", "é", "b_2"])
UNIQUE = st.lists(NAMES, unique=True)
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
    assert not made.is_one_each
    assert EventColumns((Column("x", ("a",)),), listed=False).is_one_each


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


@RELAXED
@given(CHOICES, UNIQUE, UNIQUE)
def test_members_under_their_labels(
    chosen: ResolvedChoice, known: list[str], present: list[str]
) -> None:
    made = event_columns(chosen, KnownNames(tuple(known)))
    found = relabelled({name: f"v{name}" for name in present}, made)
    assert found == {
        column.label: next(f"v{name}" for name in column.sources if name in present)
        for column in made.columns
        if set(column.sources) & set(present)
    }
    if made.listed:
        assert list(found) == [it.label for it in made.columns if it.label in found]
    else:
        labels = [it.label for name in present for it in made.columns if name in it.sources]
        assert list(found) == list(dict.fromkeys(labels))


def test_a_merge_takes_the_first_source_and_stands_where_any_of_them_stood() -> None:
    made = event_columns(choice(b="a"), KnownNames(("a", "b", "c")))
    assert relabelled({"b": 2, "c": 3, "a": 1}, made) == {"a": 1, "c": 3}
    assert list(relabelled({"b": 2, "c": 3, "a": 1}, made)) == ["a", "c"]
    assert relabelled({"c": 3, "b": 2}, made) == {"c": 3, "a": 2}


@RELAXED
@given(CHOICES, UNIQUE, UNIQUE, UNIQUE)
def test_columns_that_make_the_same_records_do(
    chosen: ResolvedChoice, some: list[str], others: list[str], present: list[str]
) -> None:
    one, other = (event_columns(chosen, KnownNames(tuple(it))) for it in (some, others))
    row = dict.fromkeys(present, 1) | {name: n for n, name in enumerate(present)}
    if same_records(one, other, present, flat=False):
        assert list(relabelled(row, one).items()) == list(relabelled(row, other).items())
    if same_records(one, other, present, flat=True):
        assert one == other
    assert same_records(one, one, present, flat=True)
    assert same_records(one, other, [], flat=False)


def test_new_columns_matter_to_a_header_and_to_the_rows_that_have_them() -> None:
    old, new = (event_columns(choice(c="b"), KnownNames(tuple(it))) for it in ("ab", "abcd"))
    assert same_records(old, new, "ab", flat=False)
    assert not same_records(old, new, "ab", flat=True)
    assert not same_records(old, new, "abd", flat=False)
    assert not same_records(old, new, "abc", flat=False)


def test_which_source_comes_first_matters_to_rows_that_have_both() -> None:
    one, other = (event_columns(choice(c="b"), KnownNames(tuple(it))) for it in ("bc", "cb"))
    assert not same_records(one, other, "bc", flat=False)
    assert same_records(one, other, "c", flat=False)


@RELAXED
@given(CHOICES, UNIQUE, UNIQUE, UNIQUE, st.booleans())
def test_a_plan_settles_once(
    chosen: ResolvedChoice, known: list[str], names: list[str], later: list[str], grows: bool
) -> None:
    plan = ColumnPlan(chosen, KnownNames(tuple(known), 0, len(known)), grows)
    settled = plan.settled(names)
    assert settled.columns() == settled.columns(later) == plan.columns(names)
    assert not settled.grows
    assert settled.settled(later) == settled
    together = tuple(dict.fromkeys([*known, *names])) if grows else tuple(known)
    assert settled.known.names == together
    assert settled.known.at_first == (len(known) or len(together))


def test_a_lock_without_names_takes_those_of_its_first_window() -> None:
    plan = ColumnPlan(choice(updates="lock"), KnownNames(()), grows=True)
    assert [it.label for it in plan.columns(["b", "a"]).columns] == ["b", "a"]
    assert plan.columns().columns == ()
    late = ColumnPlan(choice(updates="lock"), KnownNames(("b",), 0, 1), grows=False)
    assert [it.label for it in late.columns(["b", "a"]).columns] == ["b"]


def test_an_older_version_of_a_list_does_not_grow() -> None:
    pinned = ColumnPlan(choice(), KnownNames(("b",), 0, 1), grows=False)
    assert [it.label for it in pinned.columns(["a", "b"]).columns] == ["b"]
