"""A dead letter is shown whatever is in it: cut, printable, with who sent it where that can be told."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from makima_gateway.system.dead_letters import MAX_EXCERPT, DeadLetter, read
from makima_gateway.system.letter_retry import NotRetryableError, Timeouts, resending
from nats.js.api import RawStreamMsg

AT = datetime(2026, 1, 31, tzinfo=UTC)
TIMEOUTS: Timeouts = {
    "supervisor": timedelta(seconds=120),
    "agent": timedelta(seconds=90),
    "daemon": timedelta(seconds=120),
}


def letter(data: bytes, subject: str = "makima.dead.MAKIMA_HEARTBEATS.supervisor_heartbeat") -> DeadLetter:
    found = read(7, RawStreamMsg(subject=subject, seq=7, data=data, time=AT), TIMEOUTS)
    assert found is not None
    return found


def test_a_heartbeat_names_its_sender_and_its_place() -> None:
    origin = {"subject": "makima.shards.3.supervisor.d1.t1", "sequence": 12, "stream_epoch": "e"}
    said = {"reason": "no JSON", "origin": origin, "deliveries": 2, "payload": "{", "truncated": False}
    found = letter(orjson.dumps(said))
    assert found == DeadLetter(
        number=7,
        subject="makima.shards.3.supervisor.d1.t1",
        stream="MAKIMA_HEARTBEATS",
        consumer="supervisor_heartbeat",
        sequence=12,
        reason="no JSON",
        sender="supervisor:t1",
        at=AT,
        deliveries=2,
        excerpt="{",
        truncated=False,
        retry_until=None,
    )


def test_an_event_names_its_stream_and_its_position() -> None:
    origin = {"position": 41, "stream": "contract-c1", "type": "ContractPaused", "schema": 9}
    found = letter(
        orjson.dumps({"reason": "unknown", "origin": origin, "payload": "{}"}),
        "makima.dead.MAKIMA_EVENTS.gateway",
    )
    assert (found.subject, found.sequence, found.sender) == ("contract-c1", 41, "contract:c1")
    assert (found.stream, found.consumer) == ("MAKIMA_EVENTS", "gateway")


def test_what_a_terminal_or_a_page_could_obey_is_escaped() -> None:
    nasty = "\x1b[2J\x00\r\n\u202e<script>"
    found = letter(orjson.dumps({"reason": nasty, "origin": {}, "payload": nasty}))
    escaped = "\\x1b[2J\\x00\\r\\n\\u202e<script>"
    assert (found.reason, found.excerpt, found.sender) == (escaped, escaped, None)


def test_a_long_payload_is_cut_and_says_so() -> None:
    for members in ({"payload": "x" * 300_000}, {"payload_base64": "/w" + "AA" * 150_000}):
        found = letter(orjson.dumps({"reason": "r" * 100_000, "origin": {}, **members}))
        assert len(found.excerpt) <= 4 * MAX_EXCERPT
        assert found.truncated
        assert len(found.reason) == 1000


def test_bytes_that_are_no_text_are_told_as_escapes() -> None:
    found = letter(orjson.dumps({"reason": "x", "origin": {}, "payload_base64": "/wBh"}))
    assert found.excerpt == "\\xff\\x00a"


def test_a_letter_of_anybody_else_is_shown_as_it_is() -> None:
    for data in (
        b"",
        b"no json",
        b"[]",
        b"\xff",
        b'{"reason":5,"origin":"x","payload":{},"truncated":"no","deliveries":true}',
    ):
        found = letter(data)
        assert (found.sequence, found.sender, found.deliveries) == (None, None, None)
    assert letter(b"no json").excerpt == "no json"


BEAT = {
    "contract_id": "c1",
    "role": "builder",
    "connection_id": "x",
    "seq": 1,
    "timestamp": "2026-01-31T00:00:00Z",
}
SUBJECT = "makima.shards.3.agent.d1.c1.builder"


def kept(**members: object) -> bytes:
    origin = {"subject": SUBJECT, "sequence": 12}
    return orjson.dumps(
        {"origin": origin, "payload": orjson.dumps(BEAT).decode(), "truncated": False, **members}
    )


def test_a_heartbeat_that_can_be_read_now_may_be_sent_again_until_its_senders_timeout() -> None:
    found = resending("MAKIMA_HEARTBEATS", "supervisor_heartbeat", kept(), AT, TIMEOUTS)
    assert found.subject == "makima.heartbeats.agent.d1.c1.builder"
    assert orjson.loads(found.payload) == BEAT
    assert found.until == AT + timedelta(seconds=90)
    found.check(AT + timedelta(seconds=89))
    with pytest.raises(NotRetryableError, match="older than its sender's timeout"):
        found.check(found.until)
    assert letter(kept()).retry_until == found.until


def test_a_heartbeat_keeps_the_content_type_that_it_came_with() -> None:
    origin = {"subject": SUBJECT, "content_type": "application/json; charset=utf-8"}
    found = resending("MAKIMA_HEARTBEATS", "x", kept(origin=origin), AT, TIMEOUTS)
    assert found.headers == {"Content-Type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    ("stream", "data", "why"),
    [
        ("MAKIMA_HEARTBEATS", kept(payload="{"), "cannot be read now either"),
        ("MAKIMA_HEARTBEATS", kept(origin={"subject": "makima.shards.1.agent.d1.c2.builder"}), "cannot be read"),
        ("MAKIMA_HEARTBEATS", kept(origin={"subject": "makima.shards.1.canary"}), "canary"),
        ("MAKIMA_HEARTBEATS", kept(truncated=True), "the whole message"),
        ("MAKIMA_HEARTBEATS", kept(payload=None, payload_base64="no base64!"), "the whole message"),
        ("MAKIMA_HEARTBEATS", b"no json", "the whole message"),
        ("SOMETHING_ELSE", kept(), "the whole message"),
        ("MAKIMA_EVENTS", kept(), "gateway has passed its position"),
    ],
)  # fmt: skip
def test_what_no_retry_mends_says_why(stream: str, data: bytes, why: str) -> None:
    with pytest.raises(NotRetryableError, match=why) as found:
        resending(stream, "gateway", data, AT, TIMEOUTS)
    assert found.value.hint
