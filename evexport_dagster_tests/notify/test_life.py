"""What is told in the life of an export: real runs, real receivers, one project."""

from __future__ import annotations

import datetime as dt
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from evexport_dagster.cli import main
from evexport_dagster.defs.notices import notices_sensors
from evexport_dagster.exports import Project
from evexport_dagster_tests.handmade import DAY, NOW, Handmade, one_time, recurring
from evexport_dagster_tests.notify.receivers import PASSWORD, SECRET, Hook, Mailbox

ONE_WINDOW = DAY + dt.timedelta(days=1, hours=1)
"""When the first window has ended and settled."""


@dataclass
class Told:
    """A project that tells a webhook and a mailbox."""

    home: Handmade
    hook: Hook
    mailbox: Mailbox

    @property
    def posts(self) -> list[dict[str, Any]]:
        """What the webhook was told, in order."""
        return [json.loads(body) for _, body in self.hook.posts]

    def mails(self, to: str = "data@acme.com") -> list[str]:
        """The subjects that one address got, in order."""
        return [letter["Subject"] for address, letter in self.mailbox.letters if address == to]

    def send(self) -> None:
        with self.home.open() as project:
            assert project.send_notices().problems == ()


@pytest.fixture
def told(home: Handmade, hook: Hook, mailbox: Mailbox) -> Told:
    path = home.folder / "evexport.yaml"
    document = json.loads(path.read_text())
    document["notifications"] = {
        "webhook": {"url": hook.url, "secret": {"env": "HOOK_SECRET"}},
        "email": {
            "to": ["data@acme.com"],
            "from": "exports@acme.com",
            "host": "localhost",
            "port": mailbox.port,
            "user": {"env": "SMTP_USER"},
            "password": {"env": "SMTP_PASSWORD"},
        },
    }
    path.write_text(json.dumps(document))
    home.spec(owners=["ann@acme.com", "Data@acme.com", "team:finance"])
    home.now = ONE_WINDOW
    return Told(home, hook, mailbox)


def test_each_window_is_told_when_it_begins_and_when_it_is_there(told: Told) -> None:
    told.home.now = NOW
    receipts = told.home.run()
    told.send()
    kinds = ["started", "completed"] * 3
    assert [it["kind"] for it in told.posts] == kinds
    assert [it["window"]["start"] for it in told.posts[::2]] == [
        (DAY + dt.timedelta(days=day)).isoformat() for day in range(3)
    ]
    first = [it for it in receipts if it.window_start == DAY]
    done = told.posts[1]
    assert done["counts"] == {
        "windows": 1,
        "events": 2,
        "rows": 4,
        "files": 2,
        "bytes": sum(file.bytes for it in first for file in it.files),
    }
    assert {it["key"] for it in done["files"]} == {f.key for it in first for f in it.files}
    assert done["destination"]["place"] == f"{told.home.out}/"
    assert len(told.mails()) == 6
    assert told.mails("ann@acme.com") == told.mails()
    assert {to for to, _ in told.mailbox.letters} == {"data@acme.com", "ann@acme.com"}


def test_nothing_is_told_twice(told: Told) -> None:
    told.home.run()
    told.send()
    told.home.run()
    told.send()
    assert len(told.hook.posts) == 2


def test_a_window_that_is_delivered_again_is_told_again(told: Told) -> None:
    told.home.run()
    told.home.now += dt.timedelta(minutes=1)
    told.home.run(from_=DAY, to=DAY + dt.timedelta(days=1))
    told.home.now += dt.timedelta(minutes=1)
    told.home.run(from_=DAY, to=DAY + dt.timedelta(days=1), events=["Charged"])
    told.send()
    later = told.posts[2:]
    assert [it["kind"] for it in later] == ["started", "completed"] * 2
    assert [it["counts"]["events"] for it in later[1::2]] == [2, 1]
    assert len({it["id"] for it in told.posts}) == 6


def test_one_time_exports_are_told_once(told: Told) -> None:
    told.home.now = NOW
    told.home.spec(schedule=one_time("2026-06-14", "2026-06-16"))
    told.home.run()
    told.send()
    started, completed = told.posts
    assert (started["kind"], completed["kind"]) == ("started", "completed")
    assert completed["days"] == {"from": "2026-06-14", "to": "2026-06-16"}
    counts = completed["counts"]
    assert (counts["windows"], counts["rows"], counts["files"]) == (3, 12, 6)
    assert "window" not in completed


def test_a_history_is_told_beside_its_export(told: Told) -> None:
    schedule = recurring(start="2026-06-15", first="2026-06-14", last="2026-06-14")
    told.home.spec(schedule=schedule)
    told.home.run("purchases_history")
    told.send()
    assert [(it["export"], it["kind"]) for it in told.posts] == [
        ("purchases_history", "started"),
        ("purchases_history", "completed"),
    ]


def test_a_manifest_is_there_before_its_window_is_told(told: Told) -> None:
    told.home.spec(manifest=True)
    told.home.run()
    told.send()
    assert [it["kind"] for it in told.posts] == ["started", "completed"]


def test_a_failure_is_told_once_and_so_is_the_recovery(told: Told) -> None:
    told.home.out.write_text("a file where the folder should be")
    for _ in range(3):
        with pytest.raises(Exception, match="out"):
            told.home.run()
    told.home.out.unlink()
    told.home.run()
    told.send()
    words = [subject.split()[2].rstrip(":") for subject in told.mails()]
    assert words == ["started", "failed", "completed", "recovered"]
    assert [it["kind"] for it in told.posts] == ["started", "completed"]


def test_a_fact_outlives_whoever_was_to_tell_it(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.hook.answers = [503] * 3
    told.home.run()
    with told.home.open() as project:
        (problem,) = project.send_notices().problems
    assert "answered 503" in problem
    assert len(told.mails()) == 2, "the mail server is told all the same"
    told.home.now += dt.timedelta(minutes=1)
    told.send()
    assert [it["kind"] for it in told.posts[3:]] == ["started", "completed"]


def test_a_run_and_a_stop_tell_at_their_end(told: Told) -> None:
    told.home.spec(schedule=recurring(start=yesterday()))
    command = ["--project", str(told.home.folder)]
    runner = CliRunner()
    assert runner.invoke(main, ["run", "purchases", *command]).exit_code == 0
    assert {it["kind"] for it in told.posts} == {"started", "completed"}
    told.hook.answers = [500] * 3
    stopped = runner.invoke(main, ["stop", "purchases", *command])
    assert stopped.exit_code == 0
    assert told.mails()[-1] == "Export purchases was stopped"


def test_a_run_that_cannot_tell_is_no_failure(told: Told) -> None:
    told.hook.answers = [500] * 3
    told.home.spec(schedule=one_time(yesterday(), yesterday()))
    command = ["run", "purchases", "--json", "--project", str(told.home.folder)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0
    assert "Warning: notice" in result.stderr
    assert "answered 500" in result.stderr
    assert json.loads(result.stdout)["status"] == "Done"


def test_the_sensor_tells(told: Told) -> None:
    told.home.run()
    with told.home.open() as project:
        (sensor,) = notices_sensors(project)
        with (
            dg.DagsterInstance.ephemeral() as instance,
            dg.build_sensor_context(instance=instance, resources={"project": project}) as context,
        ):
            said = sensor.evaluate_tick(context).skip_message
    assert said == "Told: 6"
    assert len(told.posts) == 2


def test_without_notifications_there_is_no_sensor_and_nothing_is_sent(home: Handmade) -> None:
    home.run()
    with home.open() as project:
        assert notices_sensors(project) == []
        assert project.send_notices().told == 0
        assert not lines(project)


def test_no_secret_is_anywhere(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    told.hook.answers = [500] * 3
    told.mailbox.refused["ann@acme.com"] = "550 no"
    told.home.run()
    with told.home.open() as project:
        problems = project.send_notices().problems
    told.home.now += dt.timedelta(minutes=1)
    with told.home.open() as project:
        problems += project.send_notices().problems
    shown = "".join([caplog.text, *problems]).encode()
    kept = [path.read_bytes() for path in files(told.home.folder / ".evexport")]
    sent = [body for _, body in told.hook.posts]
    mailed = [bytes(letter) for _, letter in told.mailbox.letters]
    assert problems
    assert kept
    for secret in (SECRET.encode(), PASSWORD.encode(), b"path-hunter2"):
        assert not [it for it in (shown, *kept, *sent, *mailed) if secret in it]


def yesterday() -> str:
    """The command line has the clock of this machine."""
    return (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)).isoformat()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def lines(project: Project) -> tuple[object, ...]:
    return project._context.ledger.notices.lines()
