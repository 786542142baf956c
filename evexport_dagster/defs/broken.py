"""What cannot be an export: a visible asset that says why, while every other export works."""

from __future__ import annotations

import re
from collections.abc import Mapping

import dagster as dg

from evexport_dagster.defs.metadata import asset_key
from evexport_dagster.errors import SpecError

BROKEN_GROUP = "broken"


def broken_definitions(errors: Mapping[str, SpecError]) -> dg.Definitions:
    """An asset for each file that is wrong, by its stem; its run and its check fail with why."""
    stems = {stem: _plain(stem, number) for number, stem in enumerate(errors)}
    return dg.Definitions(
        assets=[_asset(name, errors[stem]) for stem, name in stems.items()],
        asset_checks=[_check(name, errors[stem]) for stem, name in stems.items()],
    )


def _asset(name: str, error: SpecError) -> dg.AssetsDefinition:
    faults = f"This file cannot be an export until it is corrected:\n\n```\n{error}\n```"
    spec = dg.AssetSpec(asset_key(name), group_name=BROKEN_GROUP, description=faults)

    @dg.multi_asset(name=f"broken__{_identifier(name)}", specs=[spec])
    def broken() -> None:
        raise error

    return broken


def _check(name: str, error: SpecError) -> dg.AssetChecksDefinition:
    spec = dg.AssetCheckSpec(
        "file_can_be_loaded", asset=asset_key(name), description="The file is a valid export."
    )

    @dg.multi_asset_check(name=f"broken__{_identifier(name)}__check", specs=[spec])
    def file_can_be_loaded():  # type: ignore[no-untyped-def]
        yield dg.AssetCheckResult(passed=False, metadata={"faults": str(error)})

    return file_can_be_loaded


def _plain(stem: str, number: int) -> str:
    """A name that Dagster takes; numbered where it is not the file's own."""
    plain = re.sub(r"[^A-Za-z0-9_.]", "_", stem)
    return plain if plain == stem else f"{plain}_{number}"


def _identifier(name: str) -> str:
    return name.replace(".", "__")
