"""Wrong specs by the dozen: always code 2, every fault, no traceback, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from evexport_dagster_tests.cli.conftest import PROJECT, SPEC, run_cli

# The text of exports/purchases.yaml -> what has to be said about it.
WRONG: dict[str, tuple[bytes, list[str]]] = {
    "empty": (b"", ["empty"]),
    "not YAML": (b"name: [", ["line 1"]),
    "two documents": (b"name: a\n---\nname: b\n", ["purchases.yaml"]),
    "a list": (b"- name\n", ["mapping"]),
    "binary": (b"\xff\xfe\x00name", ["UTF-8"]),
    "control characters": (b"name: \x1b[31m\n", ["purchases.yaml"]),
    "a tag": (b"name: !!python/object:os.system {}\n", ["purchases.yaml"]),
    "a bomb": (b"a: &a [x, x]\nb: &b [*a, *a]\nname: [*b, *b]\n", ["name"]),
    "nothing required": (b"type: events\n", ["name", "source", "destination", "format", "events"]),
    "unknown keys": (
        SPEC.encode() + b"fromat: csv\nnaem: x\n",
        ["did you mean 'format'", "did you mean 'name'"],
    ),
    "key given twice": (SPEC.encode() + b"format: json\n", ["format"]),
    "wrong values": (
        SPEC.replace("csv", "cvs").replace("24h", "5h").replace("lake", "lak").encode(),
        ["'cvs'", "'5h'", "did you mean 'lake'"],
    ),
    "wrong template": (
        SPEC.replace("event_name", '{template: "../{{dat}}"}').encode(),
        ["folder.template"],
    ),
    "six properties": (SPEC.replace("[Email]", "[a, b, c, d, e, f]").encode(), ["at most 5"]),
    "a field that the layout cannot honour": (
        SPEC.replace("csv", "csv\nlayout: legacy").encode(),
        ["user_properties", "layout 'legacy' has its own"],
    ),
    "another file's name": (SPEC.replace("purchases", "other").encode(), ["'other'"]),
}
EVERY_WRONG = pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)


@pytest.fixture
def wrong(project: Path, text: tuple[bytes, list[str]]) -> Path:
    (project / "exports" / "purchases.yaml").write_bytes(text[0])
    (project / "exports" / "other.yaml").write_text(SPEC.replace("purchases", "other"))
    return project


@EVERY_WRONG
def test_check_tells_every_fault_of_every_file(wrong: Path, text: tuple[bytes, list[str]]) -> None:
    (wrong / "exports" / "third.yaml").write_text("name: third\nformta: csv\n")
    ran = run_cli("check", "--project", wrong)
    with_json = run_cli("check", "--project", wrong, "--json")

    assert (ran.code, with_json.code) == (2, 2)
    assert "Traceback" not in ran.out + ran.err
    for said in (*text[1], "purchases.yaml", "did you mean 'format'"):
        assert said in ran.out
    assert with_json.document["ok"] is False
    broken = [it for it in with_json.document["checks"] if not it["ok"]]
    assert {"purchases", "third"} <= {it["export"] for it in broken}
    assert all(it["subject"] == "spec" and it["faults"] for it in broken)


@EVERY_WRONG
@pytest.mark.parametrize("command", ["preview", "create", "run", "show"])
def test_commands_refuse_it_and_write_nothing(
    command: str, wrong: Path, text: tuple[bytes, list[str]]
) -> None:
    before = sorted(wrong.rglob("*"))
    ran = run_cli(command, "purchases", "--project", wrong, "--json")

    assert ran.code == 2
    assert "Traceback" not in ran.err
    assert ran.document["error"]["kind"] == "spec"
    assert ran.err.startswith("Error: ")
    assert sorted(wrong.rglob("*")) == before


@EVERY_WRONG
def test_the_other_exports_go_on(wrong: Path, text: tuple[bytes, list[str]]) -> None:
    ran = run_cli("list", "--project", wrong, "--json")

    assert ran.code == 0
    assert "purchases.yaml" in ran.err
    assert "`evexport check`" in ran.err
    assert "purchases" in [it["file"] for it in ran.document["broken"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["empty"]),
        ("account: {}\n", ["account.id", "account.name", "sources", "destinations"]),
        (PROJECT.replace("America/New_York", "Amerika/New_York"), ["IANA time zone"]),
        (PROJECT.replace("type: local", "type: locl"), ["did you mean 'local'"]),
        (PROJECT + "runtime: {memory: lots, threads: 0}\n", ["memory", "threads"]),
    ],
)
@pytest.mark.parametrize("command", ["list", "check"])
def test_a_wrong_project_is_told_with_every_fault(
    command: str, text: str, said: list[str], project: Path
) -> None:
    (project / "evexport.yaml").write_text(text)
    ran = run_cli(command, "--project", project, "--json")

    assert ran.code == 2
    assert all(it in ran.err for it in said)
    assert "Traceback" not in ran.err
    assert ran.document["error"]["faults"]


def test_a_source_that_does_not_fit_is_told_by_check(project: Path) -> None:
    text = PROJECT.replace("lake/profiles.parquet", "lake/nowhere.parquet")
    (project / "evexport.yaml").write_text(text)
    ran = run_cli("check", "--project", project, "--json")

    assert ran.code == 2
    failed = [it["subject"] for it in ran.document["checks"] if not it["ok"]]
    assert failed == ["source"]


def test_a_destination_out_of_reach_is_no_fault_of_the_spec(project: Path) -> None:
    (project / "out").write_text("a file where the folder should be")
    ran = run_cli("check", "--project", project, "--json")

    assert ran.code == 1
    failed = [it["subject"] for it in ran.document["checks"] if not it["ok"]]
    assert failed == ["destination"]
