"""A small installation of its own: calls land as Segment files and become people."""

from pathlib import Path

from tests.small_installation import SmallInstallation

DAY = "2026-01-{:02d}T{:02d}:00:00.000Z"
PEOPLE = ("+fct_person_days", "+dim_people", "+fqn:plg.identity")


class Calls:
    """Calls in the order they happened, one an hour from the first of January 2026 on."""

    def __init__(self) -> None:
        self.lines: list[dict] = []

    def add(self, kind: str, day: int, hour: int = 10, **fields) -> None:
        """One call of ``kind`` at ``hour`` of ``day``; ``fields`` in Segment's names."""
        at = DAY.format(day, hour)
        message = f"m{len(self.lines):04d}"
        self.lines.append(
            {"messageId": message, "type": kind, "timestamp": at, "receivedAt": at, **fields}
        )

    def track(self, day: int, hour: int = 10, event: str = "query_run", **ids) -> None:
        self.add("track", day, hour, event=event, **ids)

    def verified(self, day: int, user: str, email: str, hour: int = 10, **ids) -> None:
        traits = {"email": email, "email_verified": True}
        self.add("identify", day, hour, userId=user, traits=traits, **ids)

    def told(self, day: int, user: str, email: str, hour: int = 10, **ids) -> None:
        self.add("identify", day, hour, userId=user, traits={"email": email}, **ids)

    def alias(self, day: int, previous: str, user: str, hour: int = 10) -> None:
        self.add("alias", day, hour, previousId=previous, userId=user)


class Home(SmallInstallation):
    """An installation whose people are asked for; its clock stands two months later."""

    def __init__(self, folder: Path):
        super().__init__(folder, as_of="2026-03-01T00:00:00Z")

    def build(self, *select: str) -> None:
        """People and all they are made of, where nothing else is named."""
        self.run(*(select or PEOPLE))

    def people(self) -> dict[tuple[str, str], str]:
        """(id_type, id_value) -> person_id."""
        rows = self.query("select id_type, id_value, person_id from identity.bridge_person_ids")
        return {(id_type, id_value): person for id_type, id_value, person in rows}
