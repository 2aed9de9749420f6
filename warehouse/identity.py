"""Who is behind an id, and how we know: what ``plg identity explain`` answers.

Reads the published copy only, so it explains what readers see, and never meets a lock.
The evidence is ``identity.fct_identity_links``: an id reaches the user id that names its
person over kept links; between users only merging links count (an alias, an address both
verified), never a device.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import duckdb

from warehouse.publish import attach_read_only
from warehouse.query import NothingPublished
from warehouse.settings import Settings

_NEAR_MATCHES = 5
_NEAR_ENOUGH = 0.88
"""Jaro-Winkler similarity from which another id is worth proposing."""
_REQUIRED = ("bridge_person_ids", "fct_identity_links", "rpt_guard_violations", "fct_person_merges")


class IdentityError(Exception):
    """An id could not be explained.

    IdentityError
      ├─ UnknownId    no call ever carried it; the message has near matches
      ├─ NobodysId    it is known, and a guard keeps it from being anybody's
      └─ AmbiguousId  it is several people's: as ids of different types, or after a split
    """


class UnknownId(IdentityError):
    pass


class NobodysId(IdentityError):
    pass


class AmbiguousId(IdentityError):
    pass


class Id(NamedTuple):
    """An id as it was sent."""

    id_type: str
    id_value: str

    def __str__(self) -> str:
        return f"{self.id_type} {self.id_value}"


@dataclass(frozen=True)
class Step:
    """One link on the way from an id to the user id that names the person."""

    id_type: str
    id_value: str
    to_type: str
    to_value: str
    evidence: str
    count_calls: int
    first_seen_at: Any
    last_seen_at: Any


@dataclass(frozen=True)
class Explanation:
    """Everything known about the person behind an id; the lists hold plain dictionaries.

    ``path`` leads from the asked id to ``anchor``; it is empty when the asked id is the
    anchor, or the person itself. Each of ``ids`` says in ``tied_by`` what ties it.
    """

    asked: str
    person_id: str
    anchor: Id
    notes: list[str]
    path: list[Step]
    ids: list[dict]
    dropped_links: list[dict]
    violations: list[dict]
    accounts: list[dict]
    crm_records: list[dict]
    merges: list[dict]
    changes: list[dict]

    def as_dict(self) -> dict:
        return asdict(self) | {"anchor": self.anchor._asdict()}


def explain(settings: Settings, asked: str, id_type: str | None = None) -> Explanation:
    """The person behind ``asked`` (a user id, anonymous id, e-mail or person id).

    ``id_type`` chooses where one text is ids of several types. Raises `NothingPublished`,
    `UnknownId`, `NobodysId` or `AmbiguousId`; the messages say what to do.
    """
    asked = asked.strip()
    with _published(settings) as published:
        found, person_id, notes = _resolve(published, asked, id_type)
        ids = published.rows(
            "select id_type, id_value, first_seen_at from identity.bridge_person_ids "
            "where person_id = ? order by id_type = 'user_id' desc, id_type, first_seen_at, "
            "id_value",
            [person_id],
        )
        anchor = Id(ids[0]["id_type"], ids[0]["id_value"])
        users = [row["id_value"] for row in ids if row["id_type"] == "user_id"]
        links = published.rows(
            "select * from identity.fct_identity_links where list_contains(?, user_id) "
            "order by first_seen_at, id_type, id_value, user_id, evidence",
            [users],
        )
        graph = _Graph(row for row in links if row["is_kept"])
        notes += _shared_devices(published, person_id, ids)
        return Explanation(
            asked=asked,
            person_id=person_id,
            anchor=anchor,
            notes=notes,
            path=graph.path(found, anchor) if found else [],
            ids=[
                row
                | {"tied_by": _sentence(graph.path(Id(row["id_type"], row["id_value"]), anchor))}
                for row in ids
            ],
            dropped_links=_dropped(published, ids, users),
            violations=_violations(published, ids, links),
            accounts=published.rows(
                "select account_id, method, confidence, is_primary, first_seen_at "
                "from identity.bridge_account_people where person_id = ? "
                "order by is_primary desc, account_id",
                [person_id],
            ),
            crm_records=published.rows(
                "select crm, object, record_id, account_id, method, confidence "
                "from identity.bridge_crm_records where person_id = ? order by all",
                [person_id],
            ),
            merges=published.rows(
                "select * from identity.fct_person_merges where person_id = ? order by merged_at, "
                "absorbed_id_value",
                [person_id],
            ),
            changes=published.rows(
                "select * from identity.fct_person_id_changes where person_id = $person "
                "or previous_person_id = $person order by version_number desc, id_type, id_value "
                "limit 100",
                {"person": person_id},
            ),
        )


# -- the evidence --------------------------------------------------------------------------


class _Graph:
    """Kept links between the ids of one person, undirected."""

    def __init__(self, links: Iterable[dict]) -> None:
        self._edges: dict[tuple[str, str], list[tuple[tuple[str, str], dict]]] = {}
        for link in links:
            one = (link["id_type"], link["compare_key"])
            user = ("user_id", link["user_id"])
            self._edges.setdefault(one, []).append((user, link))
            self._edges.setdefault(user, []).append((one, link))

    def path(self, start: Id, goal: Id) -> list[Step]:
        """The fewest links from ``start`` to ``goal``, the earliest seen of equals."""
        first = self._node(start)
        came_from: dict[tuple[str, str], tuple[tuple[str, str], dict]] = {}
        waiting = deque([first])
        while waiting:
            node = waiting.popleft()
            if node == tuple(goal):
                return self._walked_back(came_from, first, node)
            for other, link in self._edges.get(node, []):
                # beyond the first step only what merges users leads on
                usable = link["is_merging"] or (node == first and self._belongs(start, link))
                if usable and other != first and other not in came_from:
                    came_from[other] = (node, link)
                    waiting.append(other)
        return []

    def _node(self, start: Id) -> tuple[str, str]:
        for node, edges in self._edges.items():
            if node[0] == start.id_type and any(self._belongs(start, link) for _, link in edges):
                return node
        return tuple(start)

    @staticmethod
    def _belongs(start: Id, link: dict) -> bool:
        return start.id_type != "user_id" and tuple(start) == (link["id_type"], link["id_value"])

    @staticmethod
    def _walked_back(
        came_from: dict[tuple[str, str], tuple[tuple[str, str], dict]],
        first: tuple[str, str],
        node: tuple[str, str],
    ) -> list[Step]:
        steps = []
        while node != first:
            before, link = came_from[node]
            steps.append(
                Step(
                    *before, *node, link["evidence"], link["count_calls"],
                    link["first_seen_at"], link["last_seen_at"],
                )
            )  # fmt: skip
            node = before
        return steps[::-1]


def _sentence(path: Sequence[Step]) -> str:
    if not path:
        return "names the person"
    step = path[0]
    return f"{step.evidence} with {step.to_type} {step.to_value}, {step.count_calls} call(s)"


# -- what else is known --------------------------------------------------------------------


def _shared_devices(published: "_Published", person_id: str, ids: list[dict]) -> list[str]:
    devices = [row["id_value"] for row in ids if row["id_type"] == "anonymous_id"]
    shared = published.rows(
        """
        select links.id_value, string_agg(distinct people.person_id, ', ') as others
        from identity.fct_identity_links as links
        inner join identity.bridge_person_ids as people
            on people.id_type = 'user_id' and people.id_value = links.user_id
        where links.id_type = 'anonymous_id' and links.is_kept
            and list_contains($devices, links.id_value) and people.person_id <> $person
        group by links.id_value order by links.id_value
        """,
        {"devices": devices, "person": person_id},
    )
    return [
        f"anonymous_id {row['id_value']} is shared with {row['others']}: each has what happened "
        "on it while signed in; its past before the first sign-in is this person's"
        for row in shared
    ]


def _dropped(published: "_Published", ids: list[dict], users: list[str]) -> list[dict]:
    return published.rows(
        """
        select id_type, id_value, user_id, evidence, dropped_by_rule, count_calls,
            first_seen_at, last_seen_at
        from identity.fct_identity_links
        where not is_kept
            and (list_contains($users, user_id)
                or list_contains($ids, id_type || ':' || id_value))
        order by all
        """,
        {"users": users, "ids": [f"{row['id_type']}:{row['id_value']}" for row in ids]},
    )


def _violations(published: "_Published", ids: list[dict], links: list[dict]) -> list[dict]:
    # a guard may name an address by what it is compared by, or one the person lost to a guard
    names = {f"{row['id_type']}:{row['id_value']}" for row in ids}
    names |= {
        f"{row['id_type']}:{row[key]}" for row in links for key in ("id_value", "compare_key")
    }
    return published.rows(
        "select * from identity.rpt_guard_violations "
        "where list_contains(?, id_type || ':' || id_value) order by rule_key, id_type, id_value",
        [sorted(names)],
    )


# -- from a text to a person ---------------------------------------------------------------


def _resolve(
    published: "_Published", asked: str, id_type: str | None
) -> tuple[Id | None, str, list[str]]:
    rows = published.rows(
        """
        select id_type, id_value, person_id from identity.bridge_person_ids
        where (id_value = $asked or (id_type = 'email' and id_value = lower($asked)))
            and coalesce(id_type = $id_type, true)
        order by all
        """,
        {"asked": asked, "id_type": id_type},
    )
    people = {row["person_id"] for row in rows}
    if len(people) > 1:
        choices = ", ".join(f"{row['id_type']} of {row['person_id']}" for row in rows)
        raise AmbiguousId(f"{asked!r} is an id of several people ({choices}): choose with --type")
    if rows:
        return Id(rows[0]["id_type"], rows[0]["id_value"]), rows[0]["person_id"], []
    if id_type is None:
        if published.rows(
            "select 1 from identity.bridge_person_ids where person_id = ? limit 1", [asked]
        ):
            return None, asked, []
        if former := _former_person(published, asked):
            return former
    raise _unknown(published, asked)


def _former_person(published: "_Published", asked: str) -> tuple[Id | None, str, list[str]] | None:
    """The person that a key of earlier days stands for now."""
    merged = published.rows(
        "select person_id, surviving_person_id, merged_at, evidence, evidence_id_value "
        "from identity.fct_person_merges where absorbed_person_id = ?",
        [asked],
    )
    if merged:
        row = merged[0]
        return (
            None,
            row["person_id"],
            [
                f"{asked} became {row['surviving_person_id']} on {row['merged_at']} "
                f"by {row['evidence']} {row['evidence_id_value']}"
            ],
        )
    heirs = published.rows(
        """
        select distinct people.person_id
        from identity.fct_person_id_changes as changes
        inner join identity.bridge_person_ids as people using (id_type, id_value)
        where changes.previous_person_id = ? order by all
        """,
        [asked],
    )
    if len(heirs) > 1:
        raise AmbiguousId(
            f"{asked} is no more; its ids are of {', '.join(row['person_id'] for row in heirs)}: "
            "explain one of these"
        )
    if heirs:
        return None, heirs[0]["person_id"], [f"{asked} is no more; its ids are now this person's"]
    return None


def _unknown(published: "_Published", asked: str) -> IdentityError:
    told = published.rows(
        """
        select rule_key, id_type, action, sample from identity.rpt_guard_violations
        where id_value = $asked or id_value = lower($asked) order by all
        """,
        {"asked": asked},
    )
    if told:
        rules = "; ".join(
            f"{row['id_type']}: rule {row['rule_key']} ({row['action']}), seen with {row['sample']}"
            for row in told
        )
        return NobodysId(
            f"{asked!r} is nobody's id: {rules}. To overrule a limit or a role address add it to "
            "seeds/allowed_ids.csv; a denied id is in seeds/denied_ids.csv"
        )
    near = published.rows(
        """
        select distinct id_type, id_value,
            jaro_winkler_similarity(lower(id_value), lower($asked)) as similarity
        from identity.bridge_person_ids
        where jaro_winkler_similarity(lower(id_value), lower($asked)) >= $least
            or (length($asked) >= 4 and contains(lower(id_value), lower($asked)))
        order by similarity desc, id_value limit $most
        """,
        {"asked": asked, "least": _NEAR_ENOUGH, "most": _NEAR_MATCHES},
    )
    proposals = ", ".join(f"{row['id_value']} ({row['id_type']})" for row in near)
    hint = f"Did you mean {proposals}?" if near else "Nothing similar is known."
    return UnknownId(
        f"no person has the id {asked!r}. {hint} Ids keep their case, and a call must have been "
        "ingested, built and published (`plg run`)"
    )


# -- the published copy --------------------------------------------------------------------


@dataclass(frozen=True)
class _Published:
    connection: duckdb.DuckDBPyConnection

    def rows(self, sql: str, parameters: Any = None) -> list[dict]:
        cursor = self.connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@contextmanager
def _published(settings: Settings) -> Iterator[_Published]:
    if not settings.published_path.is_file():
        raise NothingPublished(
            f"nothing is published yet at {settings.published_path}: run `plg run` first"
        )
    with duckdb.connect(":memory:") as connection:
        attach_read_only(connection, settings.published_path, "published")
        connection.execute("use published")
        present = {
            name
            for (name,) in connection.execute(
                "select table_name from duckdb_tables() "
                "where database_name = 'published' and schema_name = 'identity'"
            ).fetchall()
        }
        if missing := [name for name in _REQUIRED if name not in present]:
            raise NothingPublished(
                f"the published copy has no identity.{', identity.'.join(missing)} (it is of an "
                "earlier version): run `plg run`"
            )
        yield _Published(connection)
