"""Telling people what happens to exports: the channels of a project, and what is due on them."""

from __future__ import annotations

from evexport_dagster import ledger as kept
from evexport_dagster.notify.base import Channel, NotToldError
from evexport_dagster.notify.email import EmailChannel
from evexport_dagster.notify.outbox import Sent, send_due
from evexport_dagster.notify.webhook import WebhookChannel
from evexport_dagster.settings import Notifications

__all__ = ["Channel", "NotToldError", "Sent", "open_channels", "send_due"]


def open_channels(configured: Notifications) -> dict[kept.Channel, Channel]:
    """The channels that a project has; nothing is connected yet, and no secret is read."""
    channels: dict[kept.Channel, Channel] = {}
    if configured.webhook:
        channels["webhook"] = WebhookChannel(configured.webhook)
    if configured.email:
        channels["email"] = EmailChannel(configured.email)
    return channels
