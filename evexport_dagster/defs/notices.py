"""The notices sensor: tells people what the ledger has for them, where a project tells anybody."""

import dagster as dg

from evexport_dagster.defs.resources import PLAIN, Keys
from evexport_dagster.exports import Project

SECONDS = 30


def notices_sensors(project: Project, keys: Keys = PLAIN) -> list[dg.SensorDefinition]:
    """The sensor that sends notices; none where neither webhook nor e-mail is configured."""
    if not project.tells_people:
        return []

    @dg.sensor(
        name=keys.of("notices"),
        description=(
            "Tells people by webhook and e-mail what happened to exports, at least once and in"
            " order; what cannot be told is tried again later."
        ),
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={keys.project},
    )
    def notices(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        opened = keys.opened(context.resources)
        sent = opened.send_notices()
        for problem in sent.problems:
            context.log.warning(problem)
        return dg.SkipReason("\n".join([f"Told: {sent.told}", *sent.problems]))

    return [notices]
