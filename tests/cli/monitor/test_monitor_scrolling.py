"""Texts that are longer than the screen are moved through to their end: the system, the help, an answer."""

import pytest
from makima_cli.monitor.model import Pane
from makima_sdk.models import DeadLetter

from tests.cli.monitor.states import NOW, fleet, screen, typed


def system() -> dict[str, object]:
    replicas = [
        {"id": f"gateway@vm:{each}", "pid": each, "ready": True, "version": "1"} for each in range(30)
    ]
    thresholds = {
        f"a.threshold_{each}": {"value": each, "unit": "s", "set_by": "default"} for each in range(20)
    }
    return {
        "position": 7,
        "epoch": "e1",
        "services": [{"name": "gateway", "replicas": replicas}],
        "thresholds": thresholds,
    }


def test_the_system_is_moved_through_to_its_end() -> None:
    state = fleet()
    state.system = system()
    typed(state, "4")
    text = "\n".join(screen(state))
    assert "a.threshold_19" not in text
    assert "lines 1 to 18 of " in text
    seen = set(screen(state))
    for _ in range(70):
        typed(state, "j")
        seen |= set(screen(state))
    assert sum("gateway" in line for line in seen) == 30
    assert sum("a.threshold_" in line for line in seen) == 20
    typed(state, "g")
    assert screen(state)[3].startswith("   SERVICE")
    typed(state, "G")
    assert any("a.threshold_19" in line for line in screen(state))


def test_the_system_has_who_announced_to_be_silent() -> None:
    state = fleet()
    state.system = system() | {"services": (), "thresholds": {}}
    typed(state, "4")
    assert "SILENCE" not in "\n".join(screen(state))
    quiet = {"role": "builder", "contract_name": "Add login", "until": "2026-01-31T11:00:00Z"}
    state.system |= {"quiet": [quiet], "quiet_total": 7}
    text = "\n".join(screen(state))
    assert "ANNOUNCED SILENCE 7" in text
    assert "builder of Add login until 2026-01-31T11:00:00Z" in text


def test_the_system_has_its_dead_letters() -> None:
    state = fleet()
    state.system = system() | {"services": (), "thresholds": {}}
    state.dead_letters = ()
    typed(state, "4")
    assert "none" in "\n".join(screen(state)).partition("DEAD LETTERS")[2]
    state.dead_letters = (
        DeadLetter("l1", "HEARTBEATS", "recorder", "hb.a", "it is no JSON", NOW, "{", truncated=False),
    )
    text = "\n".join(screen(state))
    assert "DEAD LETTERS 1" in text
    assert "l1  HEARTBEATS → recorder: it is no JSON" in text


@pytest.mark.parametrize("size", [(80, 24), (60, 12), (200, 50)])
def test_the_help_is_whole_on_any_screen(size: tuple[int, int]) -> None:
    state = fleet()
    typed(state, "?")
    seen: list[str] = []
    for _ in range(40):
        seen += [line for line in screen(state, *size)[2:] if line not in seen]
        typed(state, "j")
    text = " ".join(" ".join(seen).split())
    assert "…" not in text
    for said in ("1 to 5: its tabs", "type:QuestionAsked words", "asks first", "quit"):
        assert said in text


def test_an_answer_is_wrapped_and_moved_through() -> None:
    state = fleet()
    state.reading = tuple(f"{number}: " + "evidence " * 12 + f"end-{number}" for number in range(20))
    text = "\n".join(screen(state))
    assert "…" not in text
    assert "end-0" in text
    assert "end-19" not in text
    typed(state, "G")
    assert "end-19" in "\n".join(screen(state))
    assert state.selected[Pane.CONTRACTS] == ""
    typed(state, "?")
    assert "1 2 3 4" in "\n".join(screen(state))
