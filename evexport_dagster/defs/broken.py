"""What cannot be an export: a visible asset that says why, while every other export works."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import dagster as dg

from evexport_dagster.defs.metadata import asset_key
from evexport_dagster.defs.resources import PLAIN, Keys
from evexport_dagster.errors import SpecError

BROKEN_GROUP = "broken"
SECONDS = 60
_CHECK = "file_can_be_loaded"


def broken_definitions(errors: Mapping[str, SpecError], keys: Keys = PLAIN) -> dg.Definitions:
    """An asset for each file that is wrong, by its stem; its run and its check fail with why."""
    named = _named(errors)
    return dg.Definitions(
        assets=[_asset(name, error) for name, error in named.items()],
        asset_checks=[_check(name, error) for name, error in named.items()],
        sensors=[_sensor(errors, keys)] if errors else [],
    )


def _sensor(errors: Mapping[str, SpecError], keys: Keys) -> dg.SensorDefinition:
    @dg.sensor(
        name=keys.of("broken"),
        description="Shows the check of each wrong file as failed: nobody has to run it first.",
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def broken(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        shown = json.loads(context.cursor or "{}")
        faults = {name: str(error) for name, error in _named(errors).items()}
        for name, text in faults.items():
            if shown.get(name) != text:
                context.instance.report_runless_asset_event(_failed(name, text))
        return dg.SensorResult(
            skip_reason="\n".join(map(_first_line, faults.values())), cursor=json.dumps(faults)
        )

    return broken


def _failed(name: str, faults: str) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=asset_key(name),
        check_name=_CHECK,
        passed=False,
        description=_first_line(faults),
        metadata=_listed(faults),
    )


def _named(errors: Mapping[str, SpecError]) -> dict[str, SpecError]:
    """The errors by the names of their assets."""
    return {_plain(stem, number): errors[stem] for number, stem in enumerate(errors)}


def _asset(name: str, error: SpecError) -> dg.AssetsDefinition:
    faults = (
        "**This file is no export until it is corrected.** Every other export works. What is"
        f" wrong, and where:\n\n```\n{error}\n```\n\nCorrect it, try it with `evexport check`, and"
        " reload the code location (*Deployment*, *Reload*)."
    )
    spec = dg.AssetSpec(asset_key(name), group_name=BROKEN_GROUP, description=faults)

    @dg.multi_asset(name=f"broken__{_identifier(name)}", specs=[spec])
    def broken() -> None:
        raise error

    return broken


def _check(name: str, error: SpecError) -> dg.AssetChecksDefinition:
    spec = dg.AssetCheckSpec(
        _CHECK, asset=asset_key(name), description="The file is a valid export."
    )

    @dg.multi_asset_check(name=f"broken__{_identifier(name)}__check", specs=[spec])
    def file_can_be_loaded():  # type: ignore[no-untyped-def]
        yield dg.AssetCheckResult(
            passed=False, description=_first_line(str(error)), metadata=_listed(str(error))
        )

    return file_can_be_loaded


def _listed(faults: str) -> dict[str, str]:
    """A line for each fault: they are read without a further click."""
    lines = faults.splitlines()[1:] or [faults]
    return {f"fault {number}": line.strip() for number, line in enumerate(lines, 1)}


def _first_line(faults: str) -> str:
    return faults.partition("\n")[0]


def _plain(stem: str, number: int) -> str:
    """A name that Dagster takes; numbered where it is not the file's own."""
    plain = re.sub(r"[^A-Za-z0-9_.]", "_", stem)
    return plain if plain == stem else f"{plain}_{number}"


def _identifier(name: str) -> str:
    return name.replace(".", "__")
