"""Messages of the heartbeat stream as the pull loop hands them on, and what a test makes of them."""

import json

import msgspec
from hypothesis import strategies as st
from makima_kernel.nats.message import Message
from makima_schemas.heartbeat import SupervisorHeartbeat
from makima_schemas.heartbeat_codec import Address, decode_subject

from tests.services.supervisor_heartbeat.harness import supervisor_beat

MIDNIGHT_NS = 1_767_225_600_000_000_000
SUBJECT = "makima.shards.3.supervisor.d1.t1"
VALID: dict[str, object] = msgspec.to_builtins(supervisor_beat("t1"))

TEXTS = st.text(st.characters(), max_size=80)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=5,
)


def message(payload: bytes | SupervisorHeartbeat, sequence: int = 1, subject: str = SUBJECT) -> Message:
    body = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
    return Message(subject, body, None, sequence, sequence, MIDNIGHT_NS + sequence * 1_000_000, 0)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Anything, JSON of anything, and heartbeats with some members replaced, missing, or too many."""
    match draw(st.sampled_from(("bytes", "json", "bent", "bent", "bent"))):
        case "bytes":
            return draw(st.binary(max_size=200))
        case "json":
            return json.dumps(
                draw(VALUES)
            ).encode()  # the standard library escapes lone surrogates, and lets NaN pass
        case _:
            names = st.sampled_from((*VALID, "unknown"))
            body = VALID | draw(st.dictionaries(names, VALUES, max_size=3))
            dropped = draw(st.sets(names, max_size=2))
            return json.dumps({name: value for name, value in body.items() if name not in dropped}).encode()


def address(subject: str = SUBJECT) -> Address:
    found = decode_subject(subject)
    assert found is not None
    return found
