"""Stitching compared with the truth, pair by pair.

Two ids are a pair when they are one person's. Of the pairs the warehouse makes, how many are
true (precision); of the true ones, how many does it make (recall)? Counting pairs weighs a
wrong merge of two busy people more than one of two visitors, as its harm does.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True)
class Stitching:
    """``ids`` compared, pairs of the truth, pairs found, and those that are both."""

    ids: int
    true_pairs: int
    found_pairs: int
    right_pairs: int

    @property
    def precision(self) -> float:
        return self.right_pairs / self.found_pairs if self.found_pairs else 1.0

    @property
    def recall(self) -> float:
        return self.right_pairs / self.true_pairs if self.true_pairs else 1.0


def compare(published: Path, truth: Path) -> Stitching:
    """The bridge of a published copy against ``demo_truth/person_ids.parquet``.

    Ids of crawlers are left out; an id the bridge does not have is a person of its own. Pairs
    are counted from group sizes, so millions of ids are no matter.
    """
    with duckdb.connect() as connection:
        connection.execute(f"attach '{published}' as plg (read_only)")
        connection.execute(
            f"""
            create temp table joined as
            select t.true_person_id,
                coalesce(b.person_id, t.id_type || ':' || t.id_value) as person_id
            from read_parquet('{truth / "person_ids.parquet"}') as t
            left join plg.identity.bridge_person_ids as b using (id_type, id_value)
            where not t.is_bot
            """
        )

        def pairs(*columns: str) -> int:
            return connection.execute(
                "select coalesce(sum(n * (n - 1) // 2), 0)::bigint from "
                f"(select count(*) as n from joined group by {', '.join(columns)})"
            ).fetchone()[0]

        (ids,) = connection.execute("select count(*) from joined").fetchone()
        return Stitching(
            ids, pairs("true_person_id"), pairs("person_id"), pairs("true_person_id", "person_id")
        )
