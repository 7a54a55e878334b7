"""Two examples of each command, for its help and for docs/generated/cli.md. By the command's words after `makima`."""

from collections.abc import Mapping
from typing import Final

ID: Final = "4e8abb1d"
WHOLE_ID: Final = "4e8abb1d-6f0c-4b0e-9f57-2b1d0c9a7e34"  # for scripts: a short one is looked up each time
EXAMPLES: Final[Mapping[str, tuple[str, str]]] = {
    "up": ("makima up --demo", "makima up --ephemeral --port 0 --nats-port 0 --json"),
    "open": ("makima open", "makima open --no-browser"),
    "contracts list": (
        "makima contracts list --status active,blocked --watch",
        "makima contracts list --stale --threshold 30m --format json",
    ),
    "agents list": (
        "makima agents list --status dead,dead_failed_revive --sort needs",
        "makima agents list --stuck --daemon laptop-1 --format json",
    ),
    "contracts show": (f"makima contracts show {ID}", f"makima contracts show {ID} --verbose --format json"),
    "contracts create": (
        'makima contracts create "Fix the login" --start',
        'makima contracts create "Write the parser" --type specification --guard',
    ),
    "contracts health": ("makima contracts health 3f2a", "makima contracts health 3f2a --format json"),
    "contracts explain": ("makima contracts explain 3f2a", "makima contracts explain 3f2a --format json"),
    "contracts export": (
        "makima contracts export 3f2a --format json",
        "makima contracts export 3f2a --output contract.json",
    ),
    "contracts confirm": ("makima contracts confirm 3f2a", "makima contracts confirm 3f2a --phase execute"),
    "contracts restart-supervisor": (
        "makima contracts restart-supervisor 3f2a",
        'makima contracts restart-supervisor 3f2a --reason "it hangs in a download"',
    ),
    "contracts cleanup": (
        "makima contracts cleanup --all",
        "makima contracts cleanup --archive --older-than 30d --no-dry-run",
    ),
    "why": ("makima why 3f2a/builder", "makima why laptop-1 --format json"),
    "needs-you": ("makima needs-you --watch", 'makima needs-you --answer 2 "use the staging database"'),
    "contracts start": (
        f"makima contracts start {ID}",
        f'makima contracts start {ID} --reason "review is done"',
    ),
    "contracts pause": (
        f'makima contracts pause {ID} --reason "waiting for review"',
        f"makima contracts pause {ID} --expected-version 12",
    ),
    "contracts resume": (f"makima contracts resume {ID}", f"makima contracts resume {ID} --format json"),
    "contracts block": (
        f'makima contracts block {ID} --reason "no access to the repository"',
        f"makima contracts block {ID} --expected-version 12",
    ),
    "contracts unblock": (
        f"makima contracts unblock {ID}",
        f'makima contracts unblock {ID} --reason "access was granted"',
    ),
    "contracts complete": (
        f"makima contracts complete {ID}",
        f'makima contracts complete {ID} --reason "done by hand"',
    ),
    "contracts fail": (
        f'makima contracts fail {ID} --reason "the approach does not work"',
        f"makima contracts fail {ID} --format json",
    ),
    "contracts reopen": (
        f'makima contracts reopen {ID} --reason "a test was missing"',
        f"makima contracts reopen {ID} --format json",
    ),
    "contracts archive": (
        f"makima contracts archive {ID}",
        f"makima contracts archive {ID} --expected-version 12",
    ),
    "contracts delete": (f"makima contracts delete {ID}", f"makima contracts delete {ID} --format json"),
    "contracts advance": (
        f"makima contracts advance {ID} --phase execute --dry-run",
        f'makima contracts advance {ID} --phase execute --confirm --reason "plan is approved"',
    ),
    "contracts answer": (
        f"makima contracts answer {ID} q1 yes",
        f'makima contracts answer {ID} q1 "use the second one" --format json',
    ),
    "contracts events": (
        f"makima contracts events {ID} --follow",
        f"makima contracts events {ID} --after 12 --format json",
    ),
    "contracts wait": (
        f"makima contracts wait {ID} --for completed,failed",
        f"makima contracts wait {ID} --for completed --timeout 600",
    ),
    "contracts monitor": (
        "makima contracts monitor --quiet",
        f"makima contracts monitor {ID} --heartbeats --format json",
    ),
    "daemon start": (
        "makima daemon start --config daemon.toml",
        "makima daemon start --config daemon.toml --context work --format json",
    ),
    "daemon logs": (
        "makima daemon logs --config daemon.toml --follow",
        f"makima daemon logs --config daemon.toml --contract {WHOLE_ID} --role builder",
    ),
    "run": (
        f"makima run --contract {WHOLE_ID} --role builder -- make test",
        "makima run --contract $MAKIMA_CONTRACT --role reviewer -- ./review.sh",
    ),
    "agent wait-for-task": (
        f"makima agent wait-for-task --contract {WHOLE_ID} --role builder",
        f"makima agent wait-for-task --contract {WHOLE_ID} --role builder --timeout 60",
    ),
    "agent task-started": (
        f"makima agent task-started t1 --contract {WHOLE_ID} --role builder",
        "makima agent task-started t1",
    ),
    "agent task-complete": (
        f'makima agent task-complete t1 --contract {WHOLE_ID} --role builder --result "3 files changed"',
        'makima agent task-complete t1 --failed --result "the tests fail"',
    ),
    "agent handoff": (
        f"makima agent handoff t1 --to reviewer --contract {WHOLE_ID} --role builder",
        'makima agent handoff t1 --to reviewer --result "branch fix-login"',
    ),
    "agent leave": (
        f"makima agent leave --contract {WHOLE_ID} --role builder",
        "makima agent leave --format json",
    ),
    "agent restart": (
        f"makima agent restart --contract {WHOLE_ID} --role builder",
        f'makima agent restart --contract {WHOLE_ID} --role builder --reason "it is stuck"',
    ),
    "mcp": (
        f"makima mcp --contract {WHOLE_ID} --role assistant",
        "makima mcp --role assistant --context work",
    ),
    "hook": ('echo \'{"hook_event_name": "Stop"}\' | makima hook', "makima hook < event.json"),
    "hook install": ("makima hook install --print", "makima hook install --remove --yes"),
    "token create": (
        "makima token create --role owner --owner alice",
        "makima token create --role daemon --daemon laptop-1 --expires-at 2030-01-31T00:00:00Z",
    ),
    "token list": ("makima token list", "makima token list --format json"),
    "token revoke": ("makima token revoke 7c1f", "makima token revoke 7c1f --format json"),
    "dead-letters list": (
        "makima dead-letters list --watch",
        "makima dead-letters list --limit 200 --format json",
    ),
    "dead-letters show": ("makima dead-letters show 17", "makima dead-letters show 17 --format json"),
    "dead-letters retry": ("makima dead-letters retry 17", "makima dead-letters retry 17 --format json"),
    "dead-letters delete": ("makima dead-letters delete 17", "makima dead-letters delete 17 --format json"),
    "maintenance list": ("makima maintenance list --watch", "makima maintenance list --format json"),
    "maintenance start": (
        'makima maintenance start daemon:laptop-1 --for 2h --reason "new disk"',
        'makima maintenance start all --until 2030-01-31T12:00:00Z --reason "the office moves" --replace',
    ),
    "maintenance end": (
        "makima maintenance end daemon:laptop-1",
        "makima maintenance end all --format json",
    ),
    "context ls": ("makima context ls", "makima context ls --format json"),
    "context use": ("makima context use work", "makima context use local --format json"),
    "context add": (
        "makima context add work --url https://makima.example.org --token-file token.txt --use",
        "pass show makima | makima context add work --url https://makima.example.org --token-file - --replace",
    ),
    "doctor": ("makima doctor", "makima doctor --context work --format json"),
    "completion": (
        'eval "$(makima completion bash)"',
        "makima completion fish > ~/.config/fish/completions/makima.fish",
    ),
    "backup": (
        "makima backup makima-monday.dump",
        "makima backup /mnt/backups/makima.dump --overwrite --format json",
    ),
    "restore": (
        "makima restore makima-monday.dump",
        "makima restore makima-monday.dump --data-dir ~/makima-trial --replace",
    ),
    "ledger verify": ("makima ledger verify", "makima ledger verify --format json"),
    "ledger rebuild": ("makima ledger rebuild gateway", "makima ledger rebuild gateway --context work"),
    "ledger new-epoch": ("makima ledger new-epoch", "makima ledger new-epoch --context work"),
}


def epilog(command: str) -> str | None:
    """The examples as the last part of a command's help; None for a command that has none."""
    found = EXAMPLES.get(command)
    return found and "\n".join(("\b", "Examples:", *(f"  {line}" for line in found)))
