"""An address is shown without the password in it."""

import pytest
from makima_schemas.addresses import without_credentials


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nats://gateway:secret@127.0.0.1:4222", "nats://127.0.0.1:4222"),
        ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
        ("postgresql://makima:p%40ss@postgres:5432/makima", "postgresql://postgres:5432/makima"),
        ("postgresql://postgres@/makima?host=/tmp/mk", "postgresql:///makima?host=/tmp/mk"),
        ("127.0.0.1:4222", "127.0.0.1:4222"),
        ("user:secret@127.0.0.1:4222", "127.0.0.1:4222"),
    ],
)
def test_nobody_sees_the_password(url: str, shown: str) -> None:
    assert without_credentials(url) == shown
