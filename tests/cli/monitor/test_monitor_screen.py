"""What the monitor draws, and what a key does to it."""

import pytest
from makima_cli.durations import age
from makima_cli.monitor.cells import plain_style, to_ascii
from makima_cli.monitor.keys import Act, press
from makima_cli.monitor.model import Link, Pane
from makima_cli.monitor.wanted import AGENTS, CONTRACTS, FilterError, parse
from rich.cells import cell_len

from tests.cli.monitor.states import NOW, SIZES, contract, event, fleet, screen, typed

EVIL = "\x1b]0;owned\x07\x1b[2Jred\r\nfake line\u202egnp.exe 漢字漢字"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keys", ["", "j", "2j", "3", "j\n", "?", "na", "/"])
def test_every_line_is_as_wide_as_the_terminal(size: tuple[int, int], keys: str) -> None:
    state = fleet()
    state.put([contract("c9", name=EVIL, phase=EVIL)])
    state.fold(event("QuestionAsked", 2, "c9", question=EVIL))
    typed(state, keys)
    lines = screen(state, *size)
    assert len(lines) == size[1]
    assert {cell_len(line) for line in lines} == {size[0]}
    assert not set("".join(lines)) & set("\x1b\x07\r\n\u202e")


def test_the_screen_of_the_contracts() -> None:
    lines = [line.rstrip() for line in screen(fleet())]
    assert lines[:9] == [
        " makima   4 need you   2/5 alive   2 dead   1 stuck                   ● live  1",
        " [1 Contracts 6]  2 Agents 6   3 Events   4 System                     / filter",
        "─" * 80,
        " NEEDS YOU                                                         oldest first",
        " ? contract c2             Which colour?                                     22m",
        " ¶ contract c3             plan is ready: go on to execute?                   5m",
        " ⊘ contract c4             staging is in use                                  5m",
        " +1 more: n",
        "─" * 80,
    ]
    assert lines[9:12] == [
        "   STATUS     CONTRACT                           PHASE         TASKS HEARD MOVED",
        " ? waiting    contract c2                        plan 1/2        3/4     –   94s",
        " ? waiting    contract c3                        plan 1/2        3/4     –   94s",
    ]
    assert lines[20:] == [
        " 10:00:01  contract c1                 task completed: look around",
        "",
        "─" * 80,
        " / filter  s sort  p pause  n next  j k move  g top  G end  q quit  ? keys",
    ]


def test_agents_have_their_badge_and_the_stuck_mark() -> None:
    state = fleet()
    typed(state, "2")
    text = "\n".join(screen(state))
    for badge in (
        "■ DEAD (UNRECOVERABLE)",
        "✗ DEAD",
        "↻ RESTARTING",
        "● WORKING ⧗ stuck",
        "○ READY",
        "– OFFLINE",
    ):
        assert badge in text


def test_the_cursor_is_a_sign_not_a_colour() -> None:
    state = fleet()
    typed(state, "jj")
    assert [line[:5] for line in screen(state) if line.startswith("▌")] == ["▌? wa"]
    assert state.selected[Pane.CONTRACTS] == "c3"


def test_a_lost_connection_is_told() -> None:
    state = fleet()
    state.link = Link.RECONNECTING
    assert "□ reconnecting" in screen(state)[0]


def test_a_filter_is_typed_in_the_language_of_the_api() -> None:
    state = fleet()
    typed(state, "/status:blocked,paused c4\n")
    assert [each.id for each in state.listed(NOW)] == ["c4"]
    assert "/ status:blocked,paused c4" in screen(state)[1]
    typed(state, "2/")
    typed(state, "status:dead\n")
    assert [each.contract_id for each in state.listed_agents()] == ["c2"]
    assert [each.id for each in state.listed(NOW)] == ["c4"], "each pane has its own"


@pytest.mark.parametrize(
    ("text", "says"),
    [("status:odd", "status is one or more of created"), ("stale:1", "neither"), ("x:1", "there are status")],
)
def test_what_is_no_filter_is_told_and_the_old_one_stays(text: str, says: str) -> None:
    state = fleet()
    typed(state, "/c4\n")
    typed(state, f"/{chr(8)}")
    press(state, "ctrl+u", None, NOW)
    typed(state, f"{text}\n")
    assert says in "".join(line.rstrip() for line in screen(state)[-2:])
    assert state.filters[Pane.CONTRACTS].text == "c4"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("stale:true", {"c5"}),
        ("waiting:true", {"c2", "c3"}),
        ("threshold:2m", set[str]()),
        ("phase:execute", set[str]()),
    ],
)
def test_each_member_of_a_filter_counts(text: str, found: set[str]) -> None:
    state = fleet()
    state.filters[Pane.CONTRACTS] = parse(text, CONTRACTS)
    assert {each.id for each in state.listed(NOW)} == found


def test_a_filter_of_agents_knows_agents_statuses_alone() -> None:
    with pytest.raises(FilterError):
        parse("status:blocked", AGENTS)
    assert parse("stuck:true", AGENTS).members == {"stuck": True}


def test_a_choice_is_answered_by_its_number() -> None:
    state = fleet()
    typed(state, "na")
    assert "Which colour?   1 blue   2 green   answer:" in screen(state)[-1]
    assert typed(state, "2\n") == Act("answer", "c2", "green", "q1")


def test_a_question_that_somebody_else_answered_is_not_answered_again() -> None:
    state = fleet()
    typed(state, "na2")
    state.put_question("c2", None)
    assert typed(state, "\n") is None
    assert "answered by somebody else" in screen(state)[-1]


def test_a_confirmation_says_what_it_does_and_asks() -> None:
    state = fleet()
    typed(state, "nnc")
    assert "contract c3: plan → execute, go on? y/n" in screen(state)[-1]
    assert typed(state, "y") == Act("confirm", "c3", "execute", version=1)
    typed(state, "c")
    assert typed(state, "n") is None
    assert state.prompt is None


@pytest.mark.parametrize(
    ("keys", "act"),
    [
        ("nnc", Act("confirm", "c3", "execute", version=1)),
        ("nnP", Act("pause", "c3", version=1)),
        ("nnF", Act("fail", "c3", version=1)),
    ],
)
def test_a_yes_is_to_what_was_asked_whatever_comes_between(keys: str, act: Act) -> None:
    state = fleet()
    typed(state, keys)
    state.put([contract("c3", 2, phase="execute", phases=("plan", "execute", "review"))])
    assert typed(state, "y") == act


def test_what_cannot_be_done_now_is_told_not_done() -> None:
    state = fleet()
    typed(state, "nnnc")
    assert state.prompt is None
    assert "nothing to do with c" in screen(state)[-1]
    assert "U unblock" not in screen(state)[-1]
    typed(state, "j")
    typed(state, "k")
    assert "U unblock" in screen(state)[-1]


def test_details_show_the_question_with_its_choices() -> None:
    state = fleet()
    typed(state, "n\n")
    text = "\n".join(screen(state))
    assert "‹ contract c2" in text
    assert "● plan   ○ execute" in text
    assert "1 blue" in text
    press(state, "escape", None, NOW)
    assert state.opened == ""


def test_signs_have_letters_and_styles_have_no_colour_where_there_are_none() -> None:
    text = "".join("".join(line) for line in screen(fleet()))
    assert to_ascii(text).isascii()
    assert len(to_ascii(text)) == cell_len(text)
    assert plain_style("bold yellow") == "bold"


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0s"), (94, "94s"), (1320, "22m"), (10_800, "3h"), (864_000, "10d")]
)
def test_ages_are_short(seconds: float, text: str) -> None:
    assert age(seconds) == text
