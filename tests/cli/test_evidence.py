"""What is said about an agent's status agrees with the status, with and without verdicts in the log."""

import pytest
from makima_cli.evidence import no_verdict, quiet_lines, status_lines

DAEMON = {"daemon_id": "daemon-grace", "contract_id": "c1", "role": "builder", "evidence": None}


@pytest.mark.parametrize(
    ("agent", "says"),
    [
        (
            {"agent_status": "dead_failed_revive", "restarts": {"attempts": 3, "of": 3, "next_at": None}},
            [
                "[fact] daemon daemon-grace said that its restarts failed, 3 of 3; nobody starts it again by itself",
                "do: makima agent restart --contract c1 --role builder",
            ],
        ),
        (
            {"agent_status": "dead_failed_revive", "role": "supervisor", "daemon_id": None},
            [
                "[fact] its daemon said that its restarts failed; nobody starts it again by itself",
                "do: makima contracts restart-supervisor c1",
            ],
        ),
        (
            {"agent_status": "dead_failed_revive", "restart_refused": "the contract is paused"},
            [
                "[fact] daemon daemon-grace said that its restarts failed; nobody starts it again by itself",
                "do: makima contracts resume c1, then makima agent restart --contract c1 --role builder",
            ],
        ),
        (
            {"agent_status": "restarting", "restarts": {"attempts": 2, "of": 3, "next_at": "10:00"}},
            ["[fact] daemon daemon-grace restarts it: restart 2 of 3, due at 10:00"],
        ),
        ({"agent_status": "restarting"}, ["[fact] daemon daemon-grace restarts it"]),
        ({"agent_status": "dead"}, ["[fact] daemon daemon-grace said that it has ended"]),
        ({"agent_status": "dead", "evidence": {"decided_by": "x"}}, []),
        ({"agent_status": "ready"}, []),
    ],
)
def test_a_status_that_is_not_a_verdict_is_said_with_who_reported_it(
    agent: dict[str, object], says: list[str]
) -> None:
    assert status_lines({**DAEMON, **agent}) == says


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("ready", "no verdict on it stands in the log: makima never concluded that it is dead"),
        ("dead_failed_revive", "no verdict on it stands in the log: what is known of it was reported"),
        ("dead", "no verdict on it stands in the log: what is known of it was reported"),
    ],
)
def test_nobody_is_called_never_dead_who_is_dead(status: str, says: str) -> None:
    assert no_verdict({"agent_status": status}) == says


@pytest.mark.parametrize(
    ("status", "until", "says"),
    [
        ("working", "11:00", ["[fact] it announced to be silent until 11:00: no verdict before"]),
        ("ready", "11:00", ["[fact] it announced to be silent until 11:00: no verdict before"]),
        ("working", None, []),
        ("dead", "11:00", []),
        ("offline", "11:00", []),
    ],
)
def test_announced_silence_is_said_of_who_is_there(status: str, until: str | None, says: list[str]) -> None:
    assert quiet_lines({"agent_status": status, "quiet_until": until}) == says
