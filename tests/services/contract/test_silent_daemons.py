"""How long to wait for a daemon that may not answer."""

from makima_contract.handlers.silent_daemons import (
    REMEMBERED_SECONDS,
    REPLY_TIMEOUT_SECONDS,
    SILENT_REPLY_TIMEOUT_SECONDS,
    SilentDaemons,
)


def test_a_daemon_that_was_silent_is_waited_for_in_full_again_only_after_a_while() -> None:
    daemons = SilentDaemons()
    assert daemons.timeout("d1", 0.0) == REPLY_TIMEOUT_SECONDS
    daemons.was_silent("d1", 2.0)
    assert daemons.timeout("d1", 2.0) == SILENT_REPLY_TIMEOUT_SECONDS
    assert daemons.timeout("d2", 2.0) == REPLY_TIMEOUT_SECONDS, "another one"
    daemons.was_silent("d1", 5.0)
    assert daemons.timeout("d1", 2.0 + REMEMBERED_SECONDS) == REPLY_TIMEOUT_SECONDS, (
        "not for longer each time"
    )


def test_a_daemon_that_answers_again_is_waited_for_in_full_at_once() -> None:
    daemons = SilentDaemons()
    daemons.was_silent("d1", 0.0)
    daemons.has_answered("d1")
    assert daemons.timeout("d1", 0.0) == REPLY_TIMEOUT_SECONDS


def test_no_more_silent_daemons_are_remembered_than_were_silent_just_now() -> None:
    daemons = SilentDaemons()
    for number in range(1000):
        daemons.was_silent(f"d{number}", float(number))
    assert len(daemons) == REMEMBERED_SECONDS
