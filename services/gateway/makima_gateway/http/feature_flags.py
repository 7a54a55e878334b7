"""Refuses requests that need the feature flag `enhanced_contract_status` while it is off
(domain.md, Errors).
"""

from makima_kernel.service.contracts_settings import FeatureFlags
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused


def check_enhanced(flags: FeatureFlags, feature: str) -> None:
    """For an action `asked` that moves a contract into or out of a status that the flag adds.

    Raises `FEATURE_OFF`.
    """
    if not flags.enhanced_contract_status:
        hint = "set feature_flags.enhanced_contract_status = true; without it a status is active, completed or archived"
        raise Refused(ErrorCode.FEATURE_OFF, f"{feature!r} is disabled", hint=hint)
