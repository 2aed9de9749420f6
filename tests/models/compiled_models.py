"""SQL of models as dbt compiles it, to be run on tables that a test fills itself."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from tests.small_installation import SmallInstallation


@cache
def compiled_models(*names: str) -> dict[str, str]:
    """SQL by model, in the order of ``names``; compiled once a process."""
    installation = SmallInstallation(Path(mkdtemp(prefix="plg-compiled-")), as_of=None)
    installation.dbt("compile", "--select", *names)
    found = {
        path.stem: path.read_text()
        for path in (installation.settings.dbt_target_dir / "compiled").rglob("*.sql")
    }
    return {name: found[name] for name in names}
