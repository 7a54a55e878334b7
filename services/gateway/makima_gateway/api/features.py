"""What a feature flag that is off takes away (domain.md, Errors): its routes answer `FEATURE_OFF`."""

from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_gateway.api.context import CurrentGateway


async def monitoring(gateway: CurrentGateway) -> None:
    """The dependency of the dashboard and the monitor. Raises `FEATURE_OFF`."""
    if not gateway.settings.feature_flags.monitoring_dashboard:
        raise Refused(
            ErrorCode.FEATURE_OFF, "the dashboard and the monitor are switched off", hint="set feature_flags.monitoring_dashboard = true"
        )
