"""What the daemon's tests run as an agent: it joins as its environment says, and then does as its first argument
says. It imports next to nothing, as tests start many.
"""

import http.client
import json
import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit


def post(step: str) -> int:
    address = urlsplit(os.environ["MAKIMA_URL"])
    body = {"connection_id": os.environ["MAKIMA_CONNECTION_ID"]}
    if step == "join":
        body["daemon_id"] = os.environ["MAKIMA_DAEMON"]
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    path = f"/api/v1/contracts/{os.environ['MAKIMA_CONTRACT']}/agents/{os.environ['MAKIMA_ROLE']}/{step}"
    headers = {
        "Authorization": f"Bearer {os.environ['MAKIMA_TOKEN']}",
        "Content-Type": "application/json",
        "Idempotency-Key": f"{body['connection_id']}-{step}",
    }
    connection.request("POST", path, json.dumps(body), headers)
    return connection.getresponse().status


def main(what: str) -> int:
    Path("environment.json").write_text(json.dumps(dict(os.environ)))
    sys.stdout.write(f"\x1b[32m{what}\x1b[0m {os.environ['MAKIMA_CONNECTION_ID']}\n")
    sys.stdout.flush()
    if what == "fails" or (what == "fails-once-mended" and not Path("mended").exists()):
        return 1
    assert post("join") == 200
    if what == "leaves":
        assert post("leave") == 200
        return 3
    while what != "finishes":
        time.sleep(60)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
