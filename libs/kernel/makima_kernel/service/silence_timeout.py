"""The timeout of each kind of sender."""

from makima_schemas.silence import SenderKind

from makima_kernel.service.contracts_settings import ContractsSettings


def silence_seconds(settings: ContractsSettings, kind: SenderKind) -> float:
    """After so long without a heartbeat, a sender of this kind is declared silent."""
    return settings.agent_timeout_seconds if kind == "agent" else settings.heartbeat_timeout_seconds
