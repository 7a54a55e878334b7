"""A service that is installed for one test: a package and its entry point, in a folder for `PYTHONPATH`."""

from pathlib import Path


def install_service(site: Path, name: str, main: str = "", *, entry_point: bool = True) -> Path:
    """The package `makima_<name>` with this `__main__`; it hides one of the same name that is installed for
    good. Returns its folder.

    `entry_point` false: only hides the one that is installed for good, so that makima does not find it.
    """
    package = site / f"makima_{name}"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(main)
    distribution = f"makima-{name.replace('_', '-')}"
    described = site / f"makima_{name}-9.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 9\n")
    if entry_point:
        (described / "entry_points.txt").write_text(f"[makima.services]\n{name} = makima_{name}\n")
    return package
