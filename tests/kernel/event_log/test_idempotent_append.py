"""An event under a computed id is one command, whoever appends it and whatever small differences it finds."""

from uuid import UUID

from makima_kernel.event_log.idempotent_append import event_meta, idempotent_append
from makima_schemas.silence import MassSilenceCleared, MassSilenceSuspected

COMMAND_ID = UUID("7b0f3a52-6f6e-5b41-9a55-0d5f5f0e8b11")


def test_the_id_and_not_the_event_makes_a_repeat_the_same_request() -> None:
    meta = event_meta("test", None)
    one = idempotent_append("default", "s-1", COMMAND_ID, MassSilenceSuspected(10, 8), meta)
    another = idempotent_append("default", "s-1", COMMAND_ID, MassSilenceSuspected(11, 9), meta)
    assert (one.command_id, one.request_hash) == (another.command_id, another.request_hash)
    assert (one.expected, one.guards) == (None, ())


def test_the_request_the_version_and_the_guard_may_be_given() -> None:
    meta = event_meta("test", "00-1-2-01")
    append = idempotent_append(
        "default",
        "s-1",
        COMMAND_ID,
        MassSilenceCleared("heartbeats_resumed"),
        meta,
        request_hash=b"hash",
        expected=3,
        guard=("s-2", 4),
    )
    assert (append.request_hash, append.expected, append.guards) == (b"hash", 3, (("s-2", 4),))
    assert append.meta == {"actor": "test", "traceparent": "00-1-2-01"}
