"""What a feature flag that is off takes away (domain.md, Errors): it answers `FEATURE_OFF`."""

from makima_kernel.service.settings import FeatureFlags
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused


def check_enhanced(flags: FeatureFlags, asked: str) -> None:
    """Of what leads into a status that is new, or out of it. Raises `FEATURE_OFF`."""
    if not flags.enhanced_contract_status:
        hint = "set feature_flags.enhanced_contract_status = true; without it the status can be active, completed, archived"
        raise Refused(ErrorCode.FEATURE_OFF, f"{asked!r} is switched off", hint=hint)
