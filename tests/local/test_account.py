"""The user whom Postgres runs as is made once, whoever asks first."""

import os
import subprocess
import sys

import pytest

ASK = (
    "import sys; from makima_local.account import account; sys.stdin.readline(); print(account(sys.argv[1]))"
)
ASKED = 6


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as another user")
def test_all_who_ask_at_once_for_a_user_that_is_missing_get_the_same_one() -> None:
    name = f"mk-{os.getpid()}"
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(ASKED)
    ]
    try:
        for one in asking:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        answers = [one.communicate(timeout=60)[0] for one in asking]
    finally:
        subprocess.run(["userdel", name], check=False, capture_output=True)
    assert name in answers[0]
    assert set(answers) == {answers[0]}
