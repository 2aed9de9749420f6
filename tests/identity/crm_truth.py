"""The warehouse's accounts and CRM matches held against the demo company's truth.

Works on a warehouse file or on the published copy: both hold the identity schema.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True)
class Score:
    """How well something was found: of `true` cases `found` were, `right` of them correctly."""

    true: int
    found: int
    right: int

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else 1.0

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0


@dataclass(frozen=True)
class CrmComparison:
    """accounts: people with their primary account. people, companies: CRM records, by method too.
    users: product users whom the CRM truly holds, and those the warehouse knows it holds."""

    accounts: Score
    accounts_by_method: dict[str, Score]
    people: Score
    companies: Score
    records_by_method: dict[str, Score]
    users: Score
    match_rate: float


def compare(database: Path, truth: Path) -> CrmComparison:
    """Compare; `database` is opened read-only, `truth` is the folder demo_truth."""
    with duckdb.connect(str(database), read_only=True) as connection:
        for name in ("people", "person_ids", "crm_records"):
            connection.execute(
                f"create temp view truth_{name} as select * from "
                f"read_parquet('{truth / f'{name}.parquet'}')"
            )
        connection.execute(_PEOPLE)
        connection.execute(_RECORDS)
        accounts = _scores(
            connection,
            "select coalesce(method, 'none'), count(true_account_id), count(account_id), "
            "count(*) filter (where account_id = true_account_id) from truth_primary_accounts "
            "group by all",
        )
        records = _scores(
            connection,
            "select coalesce(method, 'none'), count(true_id), count(found_id), "
            "count(*) filter (where found_id = true_id) from records_compared group by all",
        )
        objects = _scores(
            connection,
            "select case object when 'accounts' then 'companies' else 'people' end, "
            "count(true_id), count(found_id), count(*) filter (where found_id = true_id) "
            "from records_compared group by all",
        )
        users = _scores(
            connection,
            "select 'users', count(distinct true_id), count(distinct found_id), "
            "count(distinct true_id) filter (where found_id = true_id) "
            "from records_compared where object <> 'accounts'",
        )
        [(match_rate,)] = connection.execute(
            "select match_rate from identity.rpt_crm_match_rate where dimension = 'all'"
        ).fetchall()
    nothing = Score(0, 0, 0)
    return CrmComparison(
        accounts=_sum(accounts),
        accounts_by_method=accounts,
        people=objects.get("people", nothing),
        companies=objects.get("companies", nothing),
        records_by_method=records,
        users=users["users"],
        match_rate=float(match_rate),
    )


def _scores(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Score]:
    rows = connection.execute(sql).fetchall()
    return {name: Score(true, found, right) for name, true, found, right in rows}


def _sum(scores: dict[str, Score]) -> Score:
    return Score(
        sum(score.true for score in scores.values()),
        sum(score.found for score in scores.values()),
        sum(score.right for score in scores.values()),
    )


# a true person is known in the warehouse by one of their user ids
_PEOPLE = """
create temp view truth_primary_accounts as
select t.account_id as true_account_id, b.account_id, b.method
from truth_people as t
inner join identity.bridge_person_ids as i
    on i.id_type = 'user_id' and i.id_value = t.primary_user_id
left join identity.bridge_account_people as b on i.person_id = b.person_id and b.is_primary
"""
_RECORDS = """
create temp view records_compared as
with people as (
    select t.true_person_id, min(b.person_id) as person_id
    from truth_person_ids as t
    inner join identity.bridge_person_ids as b using (id_type, id_value)
    where t.id_type = 'user_id'
    group by t.true_person_id
)
select
    t.object,
    b.method,
    case t.object when 'accounts' then t.account_id else p.person_id end as true_id,
    case t.object when 'accounts' then b.account_id else b.person_id end as found_id
from truth_crm_records as t
left join people as p using (true_person_id)
left join identity.bridge_crm_records as b using (crm, object, record_id)
"""
