"""Where the fields of the legacy layout have gone in the default one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MOVED: Final[Mapping[str, str]] = {
    "ts": "eventTime",
    "eventName": "eventName",
    "profile.identity": "identity.identity",
    "profile.objectId": "identity.clevertapId",
    "profile.all_identities": "identity.all_identities",
    "profile.platform": "deviceInfo.platform",
    "profile.phone": "profile.Phone",
    "profile.name": "profile.Name",
    "profile.email": "profile.Email",
    "profile.push_token": "deviceInfo.token",
}
"""Field of the legacy layout -> field of the default one; fields of the device are where they
were."""
