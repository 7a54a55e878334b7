"""A timeout that a healthy fleet cannot keep is refused, of each kind of sender, also where it is a default."""

from typing import get_args

import pytest
from makima_kernel.service.contracts_settings import ContractsSettings
from makima_kernel.service.silence_timeout import silence_seconds
from makima_schemas.silence import SenderKind
from pydantic import ValidationError


@pytest.mark.parametrize("kind", ["heartbeat_timeout_seconds", "agent_timeout_seconds"])
@pytest.mark.parametrize(("timeout", "keepable"), [(22.9, False), (23.0, True), (300.0, True)])
def test_each_timeout_is_at_least_two_intervals_and_the_reconnect_grace(
    kind: str, timeout: float, *, keepable: bool
) -> None:
    settings = {"heartbeat_interval_seconds": 10.0, kind: timeout}
    if keepable:
        assert getattr(ContractsSettings(**settings), kind) == timeout  # pyright: ignore[reportArgumentType]
        return
    with pytest.raises(
        ValidationError,
        match=f"{kind} is {timeout:g}; with a heartbeat each 10 s and a reconnect grace of 3 s it is at least 23",
    ):
        ContractsSettings(**settings)  # pyright: ignore[reportArgumentType]


def test_an_interval_that_the_default_timeout_of_agents_cannot_bear_is_refused() -> None:
    with pytest.raises(
        ValidationError, match="agent_timeout_seconds is 90; with a heartbeat each 44 s and a reconnect"
    ):
        ContractsSettings(heartbeat_interval_seconds=44)
    assert ContractsSettings(heartbeat_interval_seconds=43.5).agent_timeout_seconds == 90
    assert (
        ContractsSettings(heartbeat_interval_seconds=45, reconnect_grace_seconds=0).agent_timeout_seconds
        == 90
    )


def test_each_kind_of_sender_has_its_timeout_said_in_one_place() -> None:
    settings = ContractsSettings(agent_timeout_seconds=91, heartbeat_timeout_seconds=121)
    kinds = get_args(SenderKind)
    assert {kind: silence_seconds(settings, kind) for kind in kinds} == {
        "supervisor": 121, "agent": 91, "daemon": 121,
    }  # fmt: skip
