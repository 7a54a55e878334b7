"""Each command explains itself: what it does, with two examples that are right."""

import re
import shlex

import click
import pytest
from click.testing import CliRunner
from makima_cli.examples import EXAMPLES
from makima_cli.main import main
from makima_cli.short_ids import is_short

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
        _, command, rest = example.partition(f"makima {name}")
        assert command, example
        arguments = shlex.split(re.split(r' [<>] |\)"$', rest)[0])
        assert isinstance(COMMANDS[name].make_context(name, arguments), click.Context)


def test_an_example_gives_an_option_no_short_id_for_it_is_not_made_whole() -> None:
    given = re.findall(r"--contract (\S+)", "\n".join(line for both in EXAMPLES.values() for line in both))
    assert given
    assert {each for each in given if is_short(each)} == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is_for(name: str) -> None:
    options = [each for each in COMMANDS[name].params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []
    assert (COMMANDS[name].help or "").strip(), "and so does the command"
