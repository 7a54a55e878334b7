"""Whatever is asked and typed is in sight: the question, its choices, the answer, and what a `y` would do."""

import pytest
from makima_cli.monitor.cells import wrapped
from makima_sdk.models import Question
from rich.cells import cell_len

from tests.cli.monitor.states import SIZES, contract, fleet, screen, typed

QUESTION = "Which colours does the brand book allow for the buttons of the page, and which for the text?"
CHOICES = ("those of the old book, as they are", "those of the new book", "ask the brand team once more")


def words(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


@pytest.mark.parametrize("size", [(80, 24), (60, 14), (120, 40), (200, 50), (59, 11)])
def test_a_long_question_its_choices_and_the_answer_are_in_sight(size: tuple[int, int]) -> None:
    state = fleet()
    state.put_question("c2", Question("q1", QUESTION, "open", "choice", CHOICES))
    typed(state, "na")
    typed(state, "2")
    text = words(screen(state, *size))
    assert QUESTION in text
    assert "answer: 2▏" in text
    for number, choice in enumerate(CHOICES, 1):
        assert f"{number} {choice}" in text


@pytest.mark.parametrize("size", [(80, 24), (60, 12), (200, 50)])
@pytest.mark.parametrize("keys", ["nnF", "nnc", "nnr", "jxxxbp"])
def test_a_prompt_keeps_its_yes_or_no_behind_a_long_name(size: tuple[int, int], keys: str) -> None:
    state = fleet()
    for known in list(state.contracts.values()):
        state.put(
            [
                contract(
                    known.id, 2, name="a long name " * 16, status=known.status, waiting_for=known.waiting_for
                )
            ]
        )
    typed(state, keys)
    assert "y/n" in screen(state, *size)[-1]


def test_what_is_typed_stays_in_sight_however_long_it_is() -> None:
    state = fleet()
    typed(state, "/")
    typed(state, "word " * 40 + "end")
    assert screen(state)[-1].rstrip().endswith("end▏")
    lines = screen(state)
    assert sum("word" in line for line in lines) > 1
    state = fleet()
    typed(state, "na")
    typed(state, "word " * 700 + "end")
    assert "Which colour?" in words(screen(state))
    assert "end▏" in screen(state)[-1]


def test_details_show_the_whole_question_and_its_choices() -> None:
    state = fleet()
    state.put_question("c2", Question("q1", QUESTION, "open", "choice", CHOICES))
    typed(state, "n\n")
    text = words(screen(state))
    assert QUESTION in text
    for choice in CHOICES:
        assert choice in text


def test_a_long_refusal_is_in_sight_to_its_end() -> None:
    state = fleet()
    state.notice = "refused: " + "because of this " * 12 + "[THE_CODE]"
    assert "[THE_CODE]" in words(screen(state))


@pytest.mark.parametrize("size", SIZES)
def test_a_prompt_fills_any_terminal_exactly(size: tuple[int, int]) -> None:
    state = fleet()
    state.put_question("c2", Question("q1", QUESTION * 9, "open", "choice", CHOICES * 20))
    typed(state, "na")
    typed(state, "漢字" * 900)
    lines = screen(state, *size)
    assert ({cell_len(line) for line in lines}, len(lines)) == ({size[0]}, size[1])
    if size >= (60, 12):
        assert "▏" in lines[-1]


@pytest.mark.parametrize("width", [1, 2, 7, 80])
def test_wrapped_text_loses_nothing_and_fits(width: int) -> None:
    text = "one two  漢字漢字 " + "x" * 200
    lines = wrapped(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert max(map(cell_len, lines)) <= max(width, 2)
