"""Records the detector's findings, each once, as events on the stream `completion-<contract_id>`."""

import hashlib
from typing import Final
from uuid import UUID, uuid5

import structlog
from makima_kernel.event_log.append import Appended
from makima_kernel.event_log.appender import Appender
from makima_kernel.event_log.idempotent_append import event_meta, idempotent_append
from makima_kernel.telemetry import metrics, traces
from makima_schemas.completion import CompletionDetected, CompletionEvent, GateAction, PhaseGateSatisfied
from makima_schemas.identity import stream_name

from makima_completion_detector.domain.snapshot import Snapshot

ACTOR: Final = "completion_detector"
NAMESPACE: Final = UUID("6f1f3f0e-7a43-5c2e-9f0b-6b1c5b8f2d11")  # of the uuid5 command ids


class FindingsWriter:
    """Appends the events. Their ids are computed from the episode, so a repeat appends nothing."""

    def __init__(self, appender: Appender) -> None:
        self._appender = appender

    async def found(self, tenant: str, contract_id: str, contract: Snapshot, action: GateAction) -> None:
        """Records `PhaseGateSatisfied` once per episode and action, across repeats and replicas.

        `action`: the command that the detector sends next, or `none` if a switch is off.
        """
        await self._once(
            tenant,
            contract_id,
            contract,
            f"gate {action}",
            PhaseGateSatisfied(contract.phase, contract.version, action),
        )

    async def completing(self, tenant: str, contract_id: str, contract: Snapshot) -> None:
        """Records `CompletionDetected` once per episode.

        Called only once the contract is in status COMPLETING, that is, after it accepted StartCompletion. If
        new work arrived before that, the contract did not start the completion, and none is recorded.
        """
        await self._once(
            tenant, contract_id, contract, "completion", CompletionDetected(contract.phase, contract.version)
        )

    async def _once(
        self, tenant: str, contract_id: str, contract: Snapshot, what: str, event: CompletionEvent
    ) -> None:
        """Appends `event` under an id computed from contract, episode and `what`. A repeat has no effect."""
        intent = f"{tenant}/{contract_id}/{contract.episode}/{what}"
        outcome = await self._appender.append(
            idempotent_append(
                tenant,
                stream_name("completion", contract_id),
                uuid5(NAMESPACE, intent),
                event,
                event_meta(ACTOR, traces.traceparent()),
                # Not the event's hash: a repeat may have evaluated a later version of the same episode.
                request_hash=hashlib.sha256(intent.encode()).digest(),
            )
        )
        if isinstance(outcome, Appended):
            metrics.completion_detections.inc()
            structlog.get_logger().info(
                "completion.detected"
                if isinstance(event, CompletionDetected)
                else "completion.gate_satisfied",
                contract_id=contract_id,
                phase=contract.phase,
                found=what,
                position=outcome.position,
            )
