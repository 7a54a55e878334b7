"""Each request that a diagnosis or a hint names, as the command that does it."""

import pytest
from makima_cli.next_steps import WHO, as_command, who

ID = "4e8abb1d"
ROUTE = f"/api/v1/contracts/{ID}"
MOVES = ("start", "pause", "resume", "block", "unblock", "fail", "reopen", "complete", "archive")


@pytest.mark.parametrize(
    ("act", "command"),
    [
        *((f"POST {ROUTE}/{move}", f"makima contracts {move} {ID}") for move in MOVES),
        (f"POST {ROUTE}/supervisor/restart", f"makima contracts restart-supervisor {ID}"),
        (f"POST {ROUTE}/questions/q1/answer", f"makima contracts answer {ID} q1 ANSWER"),
        (
            f'POST {ROUTE}/phase {{"phase": "execute", "confirmed": true}}',
            f"makima contracts confirm {ID} --phase execute",
        ),
        (f'POST {ROUTE}/phase {{"phase": "execute"}}', f"makima contracts advance {ID} --phase execute"),
        (f"complete them; GET {ROUTE}/tasks", f"complete them; makima contracts show {ID} --verbose"),
        (
            f"resume it, then POST {ROUTE}/agents/builder/restart",
            f"resume it, then makima agent restart --contract {ID} --role builder",
        ),
        (
            f"start an agent that joins: POST {ROUTE}/agents/builder/join",
            f"start an agent that joins: makima run --contract {ID} --role builder -- COMMAND",
        ),
        (
            f"POST {ROUTE}/deliverables/plan-document/complete",
            "its supervisor completes deliverable plan-document, as the page of the contract does",
        ),
        (
            f"POST {ROUTE}/check-completion",
            f"its supervisor has it checked, as the page of contract {ID} does",
        ),
        ("GET /tokens lists them", "`makima token list` lists them"),
    ],
)
def test_a_request_is_shown_as_the_command_that_sends_it(act: str, command: str) -> None:
    assert as_command(act) == command


def test_what_is_no_persons_turn_says_whose_it_is() -> None:
    assert {code: who(code) for code in WHO} == dict(WHO)
    assert who("SOMETHING_ELSE") == "you, or another person who may change this contract"
