"""Who speaks on a subject, and where: as the broker itself would say."""

import pytest
from makima_kernel.nats import streams
from makima_schemas import subjects
from makima_stale_detector.domain.members import sender_names as senders
from makima_stale_detector.domain.members.heartbeat import UNREAD, HeartbeatSource, read
from nats.aio.client import Client

from tests.services.stale_detector.heartbeat_samples import AGENT, DAEMON, SUPERVISOR


async def test_a_subject_is_mapped_onto_the_shard_that_the_broker_chooses(nats: Client) -> None:
    heartbeats = next(stream for stream in streams.streams(0.01) if stream.name == subjects.HEARTBEATS_STREAM)
    await nats.jetstream().add_stream(heartbeats)
    for number in range(100):
        kind = senders.agent(f"c{number}:builder") if number % 2 else senders.supervisor(f"task-{number}")
        subject = senders.heartbeat_subject(kind, f"daemon-{number % 7}")
        await nats.jetstream().publish(subject, b"{}")
        stored = await nats.jetstream().get_last_msg(subjects.HEARTBEATS_STREAM, "makima.shards.>")
        assert stored.subject == subject.replace(
            "makima.heartbeats", f"makima.shards.{senders.shard_of(subject, subjects.SHARDS)}"
        )


def test_a_sender_is_named_after_its_kind_and_publishes_under_its_name() -> None:
    assert (senders.supervisor("t1"), senders.daemon("d1")) == ("supervisor:t1", "daemon:d1")
    assert senders.heartbeat_subject("supervisor:t1", "d1") == subjects.supervisor_heartbeat("d1", "t1")
    assert senders.heartbeat_subject("daemon:d1", "another") == subjects.daemon_heartbeat("d1")
    agent = senders.agent("c1:builder")
    assert senders.heartbeat_subject(agent, "d1") == subjects.agent_heartbeat("d1", "c1", "builder")
    assert senders.heartbeat_subject(agent, "") == subjects.agent_heartbeat(None, "c1", "builder")


@pytest.mark.parametrize(
    ("subject", "payload", "spoken"),
    [
        ("makima.shards.3.supervisor.d1.t1", SUPERVISOR, ("supervisor:t1", "c1", "x", 0)),
        (
            "makima.shards.3.supervisor._.t1",
            SUPERVISOR.replace(b',"connection_id":"x"', b""),
            ("supervisor:t1", "c1", None, 0),
        ),
        ("makima.shards.0.daemon.d1", DAEMON, ("daemon:d1", None, None, 0)),
        ("makima.shards.3.canary", b"", None),
        ("makima.shards.3.agent.d1.c1.builder", AGENT, ("agent:c1:builder", "c1", "x", 0)),
        ("makima.shards.3.agent._.c1.builder", AGENT, ("agent:c1:builder", "c1", "x", 0)),
        ("makima.shards.3.agent.d1.c1.builder", b"{}", ("agent:c1:builder", UNREAD, None, 0)),
        ("makima.shards.3.agent.d1.c1.reviewer", AGENT, None),
        ("makima.shards.3.agent.d1.c2.builder", AGENT, None),
        ("makima.shards.3.supervisor.d1.t1", b"{not json", ("supervisor:t1", UNREAD, None, 0)),
        (
            "makima.shards.3.supervisor.d1.t1",
            SUPERVISOR.replace(b"working", b"dancing"),
            ("supervisor:t1", "c1", "x", 0),
        ),
        (
            "makima.shards.3.supervisor.d1.t1",
            SUPERVISOR.replace(b"working", b"interrupted"),
            ("supervisor:t1", "c1", "x", 0),
        ),
        ("makima.shards.3.supervisor.d1.t1", SUPERVISOR[:-20], ("supervisor:t1", UNREAD, None, 0)),
        ("makima.shards.3.supervisor.d1.another", SUPERVISOR, None),
        ("makima.shards.0.daemon.another", DAEMON, None),
        ("makima.shards.0.daemon.d1", b"\xff\xfe", ("daemon:d1", UNREAD, None, 0)),
        ("makima.shards.3.supervisor.d1.t1.t1", SUPERVISOR, None),
    ],
)
def test_only_a_message_that_does_not_contradict_its_subject_proves_anything(
    subject: str, payload: bytes, spoken: HeartbeatSource | None
) -> None:
    assert read(subject, payload) == spoken
