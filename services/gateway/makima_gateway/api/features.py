"""Refuses requests to routes whose feature flag is off (domain.md, Errors)."""

from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_gateway.api.context import CurrentGateway


async def monitoring(gateway: CurrentGateway) -> None:
    """FastAPI dependency of the dashboard and the monitor.

    Raises `FEATURE_OFF` while `monitoring_dashboard` is off.
    """
    if not gateway.settings.feature_flags.monitoring_dashboard:
        raise Refused(
            ErrorCode.FEATURE_OFF,
            "the dashboard and the monitor are disabled",
            hint="set feature_flags.monitoring_dashboard = true",
        )
