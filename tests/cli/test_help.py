"""Each command explains itself: what it does, with two examples that are right."""

import re
import shlex
from typing import cast

import click
import pytest
from click.testing import CliRunner
from makima_cli.examples import EXAMPLES
from makima_cli.main import main
from makima_cli.short_ids import SHORTENED, is_short

from tests.generated.commands import commands

COMMANDS = {" ".join(words): command for words, command in commands()}


def test_every_commands_help_has_two_examples() -> None:
    assert set(EXAMPLES) == set(COMMANDS), "makima_cli/examples.py has a row for each command"
    for name, examples in EXAMPLES.items():
        shown = CliRunner().invoke(main, [*name.split(), "--help"], prog_name="makima", terminal_width=300)
        assert shown.exit_code == 0
        assert [line.strip() for line in shown.stdout.partition("Examples:\n")[2].splitlines()] == [
            *examples
        ], name


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_something_that_the_command_accepts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKIMA_CONTRACT", "c1")  # as a daemon sets them for its agents
    monkeypatch.setenv("MAKIMA_ROLE", "builder")
    for example in EXAMPLES[name]:
        assert isinstance(_parsed(name, example), click.Context)


def test_an_example_gives_a_short_id_only_to_what_is_made_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKIMA_CONTRACT", "c1")
    monkeypatch.setenv("MAKIMA_ROLE", "builder")
    for name, examples in EXAMPLES.items():
        for example in examples:
            parsed = _parsed(name, example)
            short = {
                parameter
                for parameter, value in parsed.params.items()
                for each in (cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,))
                if isinstance(each, str) and is_short(each) and not each.isalpha()
            }
            assert short <= SHORTENED.keys(), example


def _parsed(name: str, example: str) -> click.Context:
    _, command, rest = example.partition(f"makima {name}")
    assert command, example
    return COMMANDS[name].make_context(name, shlex.split(re.split(r' [<>] |\)"$', rest)[0]))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is_for(name: str) -> None:
    options = [each for each in COMMANDS[name].params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []
    assert (COMMANDS[name].help or "").strip(), "and so does the command"
