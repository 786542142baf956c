"""The webhook, with a real receiver."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from evexport_dagster.errors import SpecError
from evexport_dagster.notify.base import NotToldError
from evexport_dagster.notify.webhook import WebhookChannel
from evexport_dagster_tests.notify.conftest import webhook_of
from evexport_dagster_tests.notify.receivers import SECRET, Hook, free_port
from evexport_dagster_tests.notify.samples import COMPLETED, said

DOCS = Path(__file__).resolve().parent.parent.parent / "docs" / "notifications.md"
IsGenuine = Callable[[str, str, bytes], bool]


def send(hook: Hook) -> list[float]:
    """Send a notice now; gives the pauses that were made."""
    pauses: list[float] = []
    channel = WebhookChannel(webhook_of(hook), sleep=pauses.append)
    channel.send(said(COMPLETED), "", datetime.now(UTC))
    return pauses


@pytest.fixture
def is_genuine() -> IsGenuine:
    """What the documentation tells receivers to do."""
    (code,) = re.findall(r"^```python\n(.*?)^```", DOCS.read_text("utf-8"), re.M | re.S)
    names: dict[str, Any] = {}
    exec(code, names)
    return cast("IsGenuine", names["is_genuine"])


def test_the_documented_check_takes_ours_and_nobody_elses(
    hook: Hook, is_genuine: IsGenuine
) -> None:
    send(hook)
    ((headers, body),) = hook.posts
    signature = headers["Evexport-Signature"]
    assert is_genuine(SECRET, signature, body)
    assert not is_genuine("another secret", signature, body)
    assert not is_genuine(SECRET, signature, body + b" ")
    old = re.sub(r"t=\d+", f"t={int(time.time()) - 1}", signature)
    assert not is_genuine(SECRET, old, body)


def test_an_old_notice_is_refused_by_the_documented_check(
    hook: Hook, is_genuine: IsGenuine
) -> None:
    WebhookChannel(webhook_of(hook)).send(said(), "", datetime(2026, 6, 14, tzinfo=UTC))
    ((headers, body),) = hook.posts
    assert not is_genuine(SECRET, headers["Evexport-Signature"], body)


def test_the_documented_notice_has_the_keys_of_a_real_one(hook: Hook) -> None:
    send(hook)
    (text,) = re.findall(r"^```json\n(.*?)^```", DOCS.read_text("utf-8"), re.M | re.S)
    ((headers, body),) = hook.posts
    assert headers["Content-Type"] == "application/json"
    documented, real = json.loads(text), json.loads(body)
    assert list(documented) == list(real)
    assert documented["counts"].keys() == real["counts"].keys()
    assert documented["files"][0].keys() == real["files"][0].keys()
    assert headers["Evexport-Id"] == real["id"]


def test_what_fails_for_a_moment_is_tried_again_at_once(hook: Hook) -> None:
    hook.answers = [503, 429]
    assert send(hook) == [0.5, 1.5]
    bodies = {body for _, body in hook.posts}
    assert (len(hook.posts), len(bodies)) == (3, 1), "duplicates are the same bytes"


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 408, 500, 503])
def test_a_receiver_that_is_out_of_order_holds_its_line(hook: Hook, status: int) -> None:
    hook.answers = [status] * 3
    with pytest.raises(NotToldError, match=f"answered {status}") as raised:
        send(hook)
    assert raised.value.obstacle == "channel"
    assert len(hook.posts) == 3, "a redirect is not followed"


@pytest.mark.parametrize("status", [400, 410, 413, 422])
def test_a_notice_that_is_refused_is_not_tried_again_at_once(hook: Hook, status: int) -> None:
    hook.answers = [status]
    with pytest.raises(NotToldError) as raised:
        send(hook)
    assert (raised.value.obstacle, len(hook.posts)) == ("refusal", 1)


def test_nobody_there_is_said_without_the_path_of_the_url() -> None:
    gone = Hook(url=f"http://127.0.0.1:{free_port()}/exports/path-hunter2")
    with pytest.raises(NotToldError, match=r"the webhook on 127\.0\.0\.1 cannot be reached") as it:
        send(gone)
    assert "hunter2" not in str(it.value)


def test_a_receiver_that_hangs_is_left_at_once(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evexport_dagster.notify.webhook.SECONDS", 0.1)
    hook.seconds = 0.4
    with pytest.raises(NotToldError, match="ReadTimeout"):
        send(hook)


def test_a_secret_that_is_not_set_is_named(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK_SECRET")
    with pytest.raises(SpecError, match="HOOK_SECRET"):
        send(hook)
    assert not hook.posts
