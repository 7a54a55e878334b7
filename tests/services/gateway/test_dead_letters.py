"""A dead letter is shown whatever is in it: cut, printable, with who sent it where that can be told."""

from datetime import UTC, datetime

import orjson
from makima_gateway.system.dead_letters import MAX_EXCERPT, DeadLetter, read
from nats.js.api import RawStreamMsg

AT = datetime(2026, 1, 31, tzinfo=UTC)


def letter(data: bytes, subject: str = "makima.dead.MAKIMA_HEARTBEATS.supervisor_heartbeat") -> DeadLetter:
    found = read(7, RawStreamMsg(subject=subject, seq=7, data=data, time=AT))
    assert found is not None
    return found


def test_a_heartbeat_names_its_sender_and_its_place() -> None:
    origin = {"subject": "makima.shards.3.supervisor.d1.t1", "sequence": 12, "stream_epoch": "e"}
    found = letter(orjson.dumps({"reason": "no JSON", "origin": origin, "payload": "{", "truncated": False}))
    assert found == DeadLetter(
        number=7,
        subject="makima.shards.3.supervisor.d1.t1",
        stream="MAKIMA_HEARTBEATS",
        consumer="supervisor_heartbeat",
        sequence=12,
        reason="no JSON",
        sender="supervisor:t1",
        at=AT,
        excerpt="{",
        truncated=False,
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
    for data in (b"", b"no json", b"[]", b"\xff", b'{"reason":5,"origin":"x","payload":{},"truncated":"no"}'):
        found = letter(data)
        assert (found.sequence, found.sender) == (None, None)
    assert letter(b"no json").excerpt == "no json"
