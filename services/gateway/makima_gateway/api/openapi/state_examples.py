"""Examples of the requests and responses about what supervisors save, and how they are restored."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from makima_gateway.api.schemas.saved_state import (
    LastCheckpoint,
    PendingQuestion,
    RestoredSupervisor,
    SavedPage,
    SavedPart,
    StateSaved,
    Synced,
)

_AT: Final = datetime(2026, 1, 31, 11, 5, tzinfo=UTC)
_TASK_ID: Final = "5b0e6d1c-3c65-5f0e-8a0e-0f6d0a6f3f10"
_CONNECTION_ID: Final = "7d9a3f64-1c1b-4f0a-9c0e-5a8f1f0b2c33"
_MESSAGE: Final[dict[str, object]] = {"role": "assistant", "content": "I have read the form."}
_CONTENT: Final[dict[str, object]] = {"messages": [_MESSAGE]}
_HASH: Final = "9b74c9897bac770ffc029102a200c5de35f0f7d4f1d0c3e0d1a3f7d1e9b1c2a4"

# Schema name → its example.
EXAMPLES: Final[Mapping[str, object]] = {
    "StateSave": {"kind": "conversation", "connection_id": _CONNECTION_ID, **_CONTENT},
    "StateSaved": StateSaved(12),
    "SavedPage": SavedPage(
        [SavedPart(12, _AT, _CONNECTION_ID, "conversation", 1, "", _HASH, intact=True, content=_CONTENT)],
        None,
    ),
    "Restoration": {"daemon_id": "daemon-2", "connection_id": _CONNECTION_ID},
    "RestoredSupervisor": RestoredSupervisor(
        task_id=_TASK_ID,
        outcome="resumed",
        warning=None,
        state="waiting_for_user",
        phase="plan",
        progress=40,
        current_activity="reads the form",
        conversation_history=[_MESSAGE],
        truncated=False,
        cursor=None,
        pending_questions=[PendingQuestion("Which provider?", "q-1")],
        spawned_task_ids=[],
        waiting_on_task_ids=[],
        last_checkpoint=LastCheckpoint(9, _AT, {"branch": "login"}),
        error=None,
        context="You supervise the contract again: go on where you were.",
        created_at=_AT,
        updated_at=_AT,
    ),
    "Synced": Synced(synced=True, state="working"),
}
