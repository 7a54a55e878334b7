"""How the screen begins, by the command's options; when it is drawn; and with which characters."""

import asyncio
import io
import sys
from typing import Any

import click
import pytest
from makima_cli.monitor import app as app_module
from makima_cli.monitor.cells import Line
from makima_cli.monitor.model import Pane
from makima_cli.monitor.run import first_state
from makima_cli.monitor.view import draw
from makima_sdk import Filter

from tests.cli.conftest import Makima
from tests.cli.monitor.idle_app import idle_app
from tests.cli.monitor.states import NOW, event, fleet
from tests.cli.served import environ, gateways

__all__ = ("environ", "gateways")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("terminal monitor begins")]


async def test_the_options_of_the_command_are_the_first_filter_of_the_screen() -> None:
    state, wanted = first_state(("c1", "c5", "c6"), status="active,paused", stale=True, since=("e1", 7))
    assert wanted == Filter(("c1", "c5", "c6"), include_heartbeats=True)
    assert (state.epoch, state.position) == ("e1", 7)
    assert state.filters[Pane.CONTRACTS].text == "status:active,paused stale:true"
    state.put(fleet().contracts.values())
    assert set(state.contracts) == {"c1", "c5", "c6"}
    assert [each.id for each in state.listed(NOW)] == ["c5"]
    state, wanted = first_state((), status=None, stale=False, since=None)
    assert (wanted, state.filters[Pane.CONTRACTS].text) == (Filter(include_heartbeats=True), "")
    with pytest.raises(click.UsageError, match="status is one or more of"):
        first_state((), status="odd", stale=False, since=None)


async def test_quiet_is_not_for_the_screen(makima: Makima) -> None:
    ran = await makima("contracts", "monitor", "--format", "tui", "--quiet")
    assert (ran.exit, "--quiet is for --format text and json" in ran.err) == (2, True)


async def test_the_screen_is_drawn_by_its_clock_and_by_keys_however_much_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert app_module.DRAW_SECONDS >= 0.2, "five times a second at most"
    monkeypatch.setattr(app_module, "DRAW_SECONDS", 3600.0)
    state, drawn = fleet(), list[int]()

    def drawing(*arguments: Any) -> list[Line]:
        drawn.append(len(state.events))
        return draw(*arguments)

    monkeypatch.setattr(app_module, "draw", drawing)
    async with idle_app(state, []).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        before = len(drawn)
        for position in range(2, 200):
            state.fold(event("TaskCompleted", position, "c1", task_name="piece", success=True))
            await asyncio.sleep(0)
        await pilot.pause()
        assert len(drawn) == before
        await pilot.press("j")
        assert drawn[before:] == [199]


@pytest.mark.parametrize(("encoding", "is_ascii"), [("latin-1", True), ("utf-8", False)])
async def test_a_screen_without_utf8_has_letters_alone(
    encoding: str, *, is_ascii: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "__stderr__", io.TextIOWrapper(io.BytesIO(), encoding))
    async with idle_app(fleet(), []).run_test(size=(80, 24)) as pilot:
        picture = pilot.app.query_one(app_module.Picture)
        text = "".join(segment.text for y in range(24) for segment in picture.render_line(y))
    assert text.isascii() == is_ascii
    assert ("! contract c4" in text) == is_ascii
