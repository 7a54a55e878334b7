"""The lines of COPY that a heartbeat becomes: Postgres' text format, whatever the texts are, and the broker's
clock in RFC 3339.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from makima_supervisor_heartbeat.domain.batching.batch_builder import BatchBuilder
from makima_supervisor_heartbeat.domain.batching.write_batch import COLUMNS, WriteBatch
from makima_supervisor_heartbeat.domain.broker_time import moment, rfc3339_of, second
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache

from tests.services.supervisor_heartbeat.harness import daemon_beat
from tests.services.supervisor_heartbeat.messages import MIDNIGHT_NS, VALID, message

Line = dict[str, str | None]
UNESCAPED = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\"}


def read(*bodies: dict[str, object], subject: str = "makima.shards.3.supervisor.d1.t1") -> WriteBatch:
    messages = [message(msgspec.json.encode(body), number, subject) for number, body in enumerate(bodies, 1)]
    [slice_] = BatchBuilder(SenderCache(), [range(8)]).read(messages, "e1")
    return slice_


def lines(rows: Sequence[str]) -> list[Line]:
    """As Postgres reads them."""
    return [
        dict(zip((*COLUMNS, "end"), map(field, row.removesuffix("\n").split("\t")), strict=False))
        for row in rows
    ]


def field(text: str) -> str | None:
    if text == "\\N":
        return None
    found, at = "", 0
    while at < len(text):
        pair = text[at : at + 2]
        found += UNESCAPED[pair] if pair in UNESCAPED else text[at]
        at += 2 if pair in UNESCAPED else 1
    return found


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=60))
@example("a tab\there, a\nline, a\rreturn and a back\\slash")
@example("\\N")
@example("\\")
def test_any_text_reads_back_from_its_row_as_it_was(text: str) -> None:
    slice_ = read(VALID | {"current_activity": text})
    assert not slice_.aside
    [row] = slice_.rows
    assert row.count("\n") == 1, "one line, whatever the text has"
    [line] = lines([row])
    assert line["activity"] == text


def test_a_row_says_all_that_the_heartbeat_said() -> None:
    said = VALID | {
        "current_activity": "compiling",
        "progress": 40,
        "pending_task_ids": ["t7", "t8"],
        "connection_id": "a",
    }
    [line] = lines(read(said).rows)
    assert {
        name: line[name]
        for name in ("sequence", "sender", "contract_id", "daemon_id", "connection_id", "state", "phase")
    } == {
        "sequence": "1",
        "sender": "supervisor-t1",
        "contract_id": VALID["contract_id"],
        "daemon_id": "d1",
        "connection_id": "a",
        "state": VALID["state"],
        "phase": VALID["phase"],
    }
    assert (line["activity"], line["progress"], line["detail"], line["newest"]) == (
        "compiling",
        "40",
        '{"pending_task_ids":["t7","t8"]}',
        "t",
    )


def test_what_was_not_said_is_null() -> None:
    beat = msgspec.to_builtins(daemon_beat("d1"))
    [line] = lines(read(beat, subject="makima.shards.3.daemon.d1").rows)
    assert (line["contract_id"], line["state"], line["phase"], line["activity"], line["progress"]) == (
        None,
    ) * 5
    [line] = lines(read(VALID | {"pending_task_ids": ()}).rows)
    assert line["detail"] is None


def test_of_a_senders_rows_the_last_is_the_newest_and_it_was_heard_once() -> None:
    slice_ = read(VALID | {"progress": 1}, VALID | {"progress": 2}, VALID | {"progress": 3, "phase": "other"})
    assert [(line["progress"], line["newest"]) for line in lines(slice_.rows)] == [
        ("1", "f"),
        ("2", "f"),
        ("3", "t"),
    ]
    assert [line["phase"] for line in lines(slice_.rows)] == [VALID["phase"], VALID["phase"], "other"]
    assert [sender.stream for sender in slice_.heard] == ["supervisor-t1"]
    assert slice_.newest == {"supervisor-t1": 2}


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_halves_of_a_slice_are_its_rows_in_order_and_reach_as_far_as_their_last(count: int) -> None:
    slice_ = read(*[VALID] * count)
    first, second = slice_.halves()
    assert first.rows + second.rows == slice_.rows
    assert (first.sequence, first.received_ns) == (
        first.messages[-1].sequence,
        first.messages[-1].timestamp_ns,
    )
    assert (second.sequence, second.received_ns) == (count, slice_.received_ns)
    assert (first.supervisors, second.supervisors) == (len(first.rows), len(second.rows))


def test_a_reader_forgets_all_subjects_when_it_knows_too_many() -> None:
    reader = BatchBuilder(SenderCache(), [range(8)], max_subjects=2)
    for number, known in ((1, 1), (2, 2), (3, 1), (4, 2)):
        reader.read(
            [
                message(
                    msgspec.json.encode(VALID | {"task_id": f"t{number}"}),
                    number,
                    f"makima.shards.3.supervisor.d1.t{number}",
                )
            ],
            "e1",
        )
        assert reader.subjects == known


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (MIDNIGHT_NS, "2026-01-01T00:00:00.000000Z"),
        (MIDNIGHT_NS + 999, "2026-01-01T00:00:00.000000Z"),
        (MIDNIGHT_NS + 1_000, "2026-01-01T00:00:00.000001Z"),
        (MIDNIGHT_NS + 999_999_999, "2026-01-01T00:00:00.999999Z"),
        (MIDNIGHT_NS + 86_399_000_000_000 + 120_034_000, "2026-01-01T23:59:59.120034Z"),
    ],
)
def test_the_brokers_clock_is_told_to_the_microsecond(nanoseconds: int, expected: str) -> None:
    assert rfc3339_of(nanoseconds) == expected
    assert moment(nanoseconds) == datetime.fromisoformat(expected)
    assert moment(nanoseconds).tzinfo is UTC
    assert second(nanoseconds // 1_000_000_000) == expected.partition(".")[0]
