"""An installation taken as far as identity, whatever lands in it."""

from pathlib import Path

from tests.small_installation import SmallInstallation


class Installation(SmallInstallation):
    """Every source may land; staging and identity are built."""

    def __init__(self, home: Path, as_of: str | None = "2026-06-30T00:00:00Z"):
        super().__init__(home, as_of)

    def build_identity(self) -> None:
        self.seed()
        self.run("fqn:plg.staging", "fqn:plg.identity")

    def identity_tables(self) -> dict[str, list[tuple]]:
        """Every table of the schema, with its rows in order."""
        names = self.query(
            "select table_name from duckdb_tables() where schema_name = 'identity' order by all"
        )
        return {
            name: sorted(self.query(f"select * from identity.{name}"), key=repr)
            for (name,) in names
        }
