"""The monitor as a terminal application: keys by textual's pilot, on a state that is fed and on a real gateway."""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from makima_cli.monitor import app as app_module
from makima_cli.monitor import feed as feed_module
from makima_cli.monitor.app import MonitorApp
from makima_cli.monitor.cells import Line
from makima_cli.monitor.feed import Feed
from makima_cli.monitor.keys import Act
from makima_cli.monitor.model import Link, Pane
from makima_cli.monitor.state import MonitorState
from makima_cli.monitor.view import draw
from makima_kernel.testing.eventually import eventually
from makima_local import ports
from makima_sdk import Connection, Contracts, Filter, Http
from makima_sdk.problems import UnreachableError
from textual.pilot import Pilot

from tests.cli.conftest import Makima
from tests.cli.monitor.idle_app import idle_app
from tests.cli.monitor.states import event, fleet
from tests.cli.served import environ, gateways
from tests.sdk.proxy import Proxy

__all__ = ("environ", "gateways")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("terminal monitor")]


async def _is(fact: bool) -> bool:
    return fact


async def _type(pilot: Pilot[None], keys: str) -> None:
    """Each character as textual names its key; a line end is Enter."""
    names = {"\n": "enter", "/": "slash", ":": "colon", "_": "underscore", ",": "comma"}
    await pilot.press(*[names.get(key, key) for key in keys])


async def test_keys_move_filter_open_and_answer() -> None:
    state, acts = fleet(), list[Act]()
    async with idle_app(state, acts).run_test(size=(80, 24)) as pilot:
        await pilot.press("j", "enter")
        assert state.opened == "c2"
        await pilot.press("escape", "a", "1", "enter")
        await pilot.press("slash", *"stale", "colon", *"true", "enter")
        assert state.filters[Pane.CONTRACTS].text == "stale:true"
        await pilot.press("tab", "2")
        assert state.pane is Pane.AGENTS
    assert acts == [Act("answer", "c2", "blue", "q1")]


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_it_ends_by_q_and_by_ctrl_c(key: str) -> None:
    app = idle_app(fleet(), [])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        await eventually(lambda: _is(not app.is_running))


async def test_messages_are_drawn_between_the_keys_that_are_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    state, drawn = fleet(), [""]

    def drawing(*arguments: Any) -> list[Line]:
        lines = draw(*arguments)
        drawn[0] = "\n".join(piece.text for line in lines for piece in line)
        return lines

    monkeypatch.setattr(app_module, "draw", drawing)
    async with idle_app(state, []).run_test(size=(100, 50)) as pilot:
        for position in range(2, 400):
            if position % 80 == 0:
                await pilot.press("j")  # which draws, and so before the newest
                assert state.selected[Pane.CONTRACTS]
            state.fold(event("TaskCompleted", position, "c1", task_name=f"piece {position}", success=True))
            if position % 80 == 0:
                await eventually(lambda newest=f"piece {position}": _is(newest in drawn[0]))
        assert state.selected[Pane.CONTRACTS] == state.listed(datetime.now(UTC))[3].id


async def test_it_says_that_the_server_cannot_be_reached() -> None:
    state = MonitorState()
    feed = Feed(Connection(f"http://127.0.0.1:{ports.free()}"), state, Filter(), 0.0)
    app = MonitorApp(state, feed.run, feed.act)
    async with app.run_test(size=(80, 24)):
        await eventually(lambda: _is(app.error is not None))
    assert isinstance(app.error, ExceptionGroup)
    assert isinstance(app.error.exceptions[0], UnreachableError)


async def test_a_server_that_fails_for_a_while_is_asked_again_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_module, "READ_SECONDS", 0.01)
    fails, asked = [502, 503, 429], list[str]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).split()[1].decode().partition("?")[0])
        body = b'{"items": [], "next_cursor": null}' if not fails else b"busy"
        status = fails.pop(0) if fails else 200
        writer.write(
            f"HTTP/1.1 {status} -\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        writer.write(body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        feed = Feed(Connection(f"http://127.0.0.1:{port}"), MonitorState(), Filter(), 0.0)
        feed._stale.set()  # pyright: ignore[reportPrivateUsage]
        async with feed._http:  # pyright: ignore[reportPrivateUsage]
            reading = asyncio.create_task(feed._read())  # pyright: ignore[reportPrivateUsage] - without the stream beside it
            await eventually(lambda: _is("/api/v1/agents" in asked or reading.done()))
            assert not reading.done()
            reading.cancel()
    assert asked[:5] == ["/api/v1/contracts"] * 4 + ["/api/v1/agents"]


async def test_it_answers_on_a_real_gateway_and_outlives_its_restart(environ: dict[str, str]) -> None:
    url, token = environ["MAKIMA_URL"], environ["MAKIMA_TOKEN"]
    async with Http(url, token) as http:
        contracts = Contracts(http)
        contract = await contracts.create("a question for you")
        await contracts.act(contract.id, "start")
        question = await contracts.ask(contract.id, "Which?", question_type="choice", options=("a", "b"))
        proxy, state = Proxy(int(url.rpartition(":")[2])), MonitorState()
        feed = Feed(Connection(f"http://127.0.0.1:{proxy.port}", token=token), state, Filter(), 2.0)
        app = MonitorApp(state, feed.run, feed.act)
        async with await proxy.serve(), app.run_test(size=(80, 24)) as pilot:
            await eventually(lambda: _is(contract.id in state.questions))
            await _type(pilot, "/status:waiting_for_input,active\n")
            await _type(pilot, "n")
            proxy.take_away()
            await eventually(lambda: _is(state.link is Link.RECONNECTING))
            later = await contracts.create("made while it was away")
            proxy.bring_back()
            await eventually(lambda: _is(state.link is Link.LIVE and later.id in state.contracts))
            assert state.filters[Pane.CONTRACTS].text == "status:waiting_for_input,active"
            assert state.selected[Pane.CONTRACTS] == contract.id
            await _type(pilot, "a2\n")
            await eventually(lambda: _is(state.notice.startswith("done: answer")))
            await eventually(lambda: _is(state.contracts[contract.id].status == "active"))
        assert app.error is None
        answered = await contracts.questions(contract.id)
        assert [(each.id, each.answer) for each in answered] == [(question.id, "b")]


async def test_no_command_imports_textual_before_it_draws() -> None:
    code = "import sys, makima_cli.main, makima_cli.contracts.watch; print('textual' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0] == b"False\n"


async def test_without_a_terminal_the_screen_is_refused_and_lines_are_the_default(makima: Makima) -> None:
    ran = await makima("contracts", "monitor", "--format", "tui")
    assert (ran.exit, "needs a terminal" in ran.err) == (2, True)
    ran = await makima("contracts", "monitor", "--help")
    assert "tui on a terminal, else text" in " ".join(ran.out.split())


@pytest.mark.parametrize(("no_colour", "has_colours"), [("1", False), ("", True)])
async def test_no_colour_is_set_by_any_text_and_not_by_an_empty_one(
    no_colour: str, *, has_colours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_colour)
    async with idle_app(fleet(), []).run_test(size=(80, 24)) as pilot:
        picture = pilot.app.query_one(app_module.Picture)
        drawn = [segment for y in range(24) for segment in picture.render_line(y)]
    colours = {word for segment in drawn for word in str(segment.style).split()}
    assert bool(colours & {"yellow", "red", "cyan"}) == has_colours
    assert pilot.app.no_color != has_colours, "textual takes colours away, too"


async def test_a_copy_goes_to_the_terminal_and_an_open_contract_is_read_with_its_past(
    environ: dict[str, str],
) -> None:
    url, token = environ["MAKIMA_URL"], environ["MAKIMA_TOKEN"]
    async with Http(url, token) as http:
        contracts = Contracts(http)
        contract = await contracts.create("one to look into")
        await contracts.act(contract.id, "start")
        await contracts.create_task(contract.id, "look around", role="builder")
        state = MonitorState()
        feed = Feed(Connection(url, token=token), state, Filter(), 2.0)
        app = MonitorApp(state, feed.run, feed.act)
        async with app.run_test(size=(120, 40)) as pilot:
            await eventually(lambda: _is(contract.id in state.contracts))
            state.selected[Pane.CONTRACTS] = contract.id
            await _type(pilot, "y\n")
            assert app.clipboard == contract.id
            await eventually(lambda: _is(state.inside.known(contract.id) is not None))
            record = state.inside.known(contract.id)
            assert record is not None
            assert [each.name for each in record.tasks] == ["look around"]
            assert record.verdict
            assert [each.kind for each in record.log][:3] == [
                "ContractCreated",
                "ContractStarted",
                "TaskCreated",
            ]
            await pilot.press("left_curly_bracket")
            await eventually(lambda: _is(state.inside.known(contract.id) is not None))
            past = state.inside.known(contract.id)
            assert past is not None
            assert (past.contract.status, past.tasks) == ("created", ())
            assert past.gate is not None
            await pilot.press("full_stop", "A")
            await eventually(lambda: _is("would be refused: " in state.notice))
            await pilot.press("r")
            await pilot.press("y")
            await eventually(lambda: _is(state.notice.startswith("refused: ")))
            await pilot.press("escape", "x", "b", "p", "y")
            await eventually(lambda: _is(state.notice == "done: pause 1 of 1"))
            assert (await contracts.get(contract.id)).status == "paused"
            await pilot.press("4")
            await eventually(lambda: _is(bool(state.system or state.system_refused)))
        assert app.error is None
