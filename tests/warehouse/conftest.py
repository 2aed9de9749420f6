"""A small warehouse as dbt would leave it: tables and views in their schemas."""

from pathlib import Path

import duckdb
import pytest

from warehouse.settings import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home", as_of="2026-06-30T00:00:00Z", _env_file=None)


@pytest.fixture
def built(settings) -> Settings:
    """Settings of a home whose warehouse has been built."""
    build_warehouse(settings.warehouse_path)
    return settings


def build_warehouse(path: Path, people: int = 3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as warehouse:
        warehouse.execute(
            f"""
            create schema if not exists raw;
            create schema if not exists staging;
            create schema if not exists identity;
            create schema if not exists core;
            create schema if not exists revenue;
            create schema if not exists syncs;
            create or replace table staging.stg_events__event_days as select 1 as x;
            create or replace table identity.int_identity__traits as select 1 as x;
            create or replace table identity.bridge_person_ids as
                select 'user_id' as id_type, 'usr_' || i as id_value, 'per_' || i as person_id
                from range({people}) as r(i) order by i desc;
            create or replace table core.dim_as_of as
                select timestamp '2026-06-29 12:00' as as_of_at;
            create or replace table core.dim_people as
                select 'per_' || i as person_id, 'example.com' as email_domain
                from range({people}) as r(i);
            create or replace view core.fct_person_events as select * from core.dim_people;
            create or replace view "core"."dim_customers" as (
                select * from "{path.stem}"."core"."dim_people"
            );
            create or replace table core.int_core__account_billing as select 1 as x;
            create or replace table revenue.fct_mrr_months as
                select 'acc_1' as account_id, date '2026-06-01' as month,
                    cast(12.50 as decimal(18, 2)) as closing_mrr;
            create or replace table syncs.sync_salesforce__accounts as select 'acc_1' as record_key;
            comment on table core.dim_people is 'One row per person; it''s a comment.';
            comment on column core.dim_people.person_id is 'Who.';
            comment on column core.dim_customers.person_id is 'Who buys.';
            """
        )
