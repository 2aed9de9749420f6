# ruff: noqa: E501 (JSON text in SQL reads worse in short pieces)
"""A long Stripe history, fast: a million subscription events as landing files in a minute.

Every movement there is: trials that end, seats up and down, plans up and down, monthly and
yearly terms, discounts that start and run out, add-ons, metered items, pauses, cards that fail,
scheduled and immediate ends, returns, second subscriptions, three currencies; one webhook in a
hundred comes twice, one in two hundred a month late, none in order. All set-based in DuckDB, from
hashes of a seed. What is true of it is not known: this is for the clock. For the cent there is
the demo company (`bench.revenue`).
"""

from datetime import date
from pathlib import Path

import duckdb

from demo_company.clock import add_months, day_number

FIRST_DAY, MONTHS = date(2023, 7, 1), 36
END = add_months(FIRST_DAY, MONTHS)
EVENTS_AN_ACCOUNT = 20.0
_DAY = 86_400
_MONTH = 2_629_746  # seconds in a twelfth of a year

_PRICES = """
select * from (values
    (0, 'starter', 'month', 1500), (0, 'starter', 'year', 14900),
    (1, 'team', 'month', 2900), (1, 'team', 'year', 28900),
    (2, 'business', 'month', 5900), (2, 'business', 'year', 58900)
) as prices(plan, plan_key, billing_interval, unit_amount)
"""

# uniform in [0, 1) by what is named: the same for the same seed
_MACROS = """
create macro draw(name, a, b) as (hash(seed(), name, a, b) % 1000003) / 1000003.0::double;
create macro money(amount, currency) as cast(round(amount * case currency
    when 'eur' then 0.92 when 'gbp' then 0.80 else 1 end / 100) * 100 as bigint);
create macro stripe_key(prefix, a, b) as prefix || substr(md5(seed() || prefix || a || '/' || b), 1, 14);
"""

_SUBSCRIPTIONS = f"""
create temp table subscriptions as
with firsts as (
    select
        account, 0 as number,
        $start + cast(draw('start', account, 0) * ($until - $start - 40 * {_DAY}) as bigint) as started,
        greatest(1, cast(-45 * ln(1 - draw('life', account, 0)) as bigint)) as months
    from range($accounts) as numbers(account)
),
more as (
    -- one in eight buys a second time while the first runs; one in four that left comes back
    select
        account, 1 as number,
        case
            when draw('more', account, 0) < 0.125
                then started + cast(draw('second', account, 0) * months * {_MONTH} as bigint)
            else started + (months + 1 + cast(draw('gap', account, 0) * 5 as bigint)) * {_MONTH} + 977
        end as started,
        greatest(1, cast(-45 * ln(1 - draw('life', account, 1)) as bigint)) as months
    from firsts
    where draw('more', account, 0) < 0.375
)
select
    *,
    stripe_key('sub_', account, number) as subscription_id,
    case when draw('currency', account, 0) < 0.7 then 'usd'
        when draw('currency', account, 0) < 0.9 then 'eur' else 'gbp' end as currency,
    cast(floor(draw('plan', account, number) * 3) as bigint) as first_plan,
    cast(draw('interval', account, number) < 0.25 as bigint) as first_interval,
    1 + cast(floor(-8 * ln(1 - draw('seats', account, number))) as bigint) as first_seats,
    draw('trial', account, number) < 0.3 and number = 0 as has_trial,
    draw('addon', account, number) < 0.15 as has_addon,
    draw('metered', account, number) < 0.05 as has_metered
from (select * from firsts union all select * from more)
where started < $until - {_DAY}
"""

_EVENTS = f"""
create temp table events as
with steps as (
    select subscriptions.*, step, started + step * {_MONTH} as at_s, 'renewal' as kind, 0.0 as luck
    from subscriptions, range(months + 1) as numbers(step)
    union all
    select
        subscriptions.*, step,
        started + step * {_MONTH}
        + cast((0.2 + 0.6 * draw('moment', subscription_id, step)) * {_MONTH} as bigint) as at_s,
        'change' as kind, draw('kind', subscription_id, step) as luck
    from subscriptions, range(months) as numbers(step)
    where draw('changes', subscription_id, step) < 0.3
),
turns as (
    select
        *,
        kind = 'renewal' and step = months as is_end,
        case
            when kind = 'renewal' then 0
            when luck < 0.45 then 1 + cast(floor(draw('more_seats', subscription_id, step) * 4) as bigint)
            when luck < 0.62 then -1 - cast(floor(draw('fewer_seats', subscription_id, step) * 2) as bigint)
            else 0
        end as seats_turn,
        case when kind = 'renewal' then 0 when luck between 0.62 and 0.70 then 1
            when luck between 0.70 and 0.74 then -1 else 0 end as plan_turn,
        case when kind = 'change' and luck between 0.84 and 0.87 then 1 else 0 end as interval_turn,
        case
            when step = 0 and kind = 'renewal' and draw('deal', subscription_id, 0) < 0.15 then 10
            when kind = 'change' and luck between 0.74 and 0.77 then 20
            when kind = 'change' and luck between 0.77 and 0.79 then 15
            when kind = 'change' and luck between 0.79 and 0.84 then 0
        end as discount_turn,
        kind = 'change' and luck between 0.87 and 0.91 as is_paused,
        kind = 'change' and luck between 0.91 and 0.96 as is_past_due,
        kind = 'change' and luck > 0.96 as is_scheduled
    from steps
    where at_s < $until
),
states as (
    select
        *,
        greatest(1, first_seats + sum(seats_turn) over history) as seats,
        least(2, greatest(0, first_plan + sum(plan_turn) over history)) as plan,
        (first_interval + sum(interval_turn) over history) % 2 as is_yearly,
        coalesce(last_value(discount_turn ignore nulls) over history, 0) as percent_off,
        last_value(case when discount_turn is not null then at_s end ignore nulls) over history as discounted_at,
        row_number() over history as event_number
    from turns
    window history as (
        partition by subscription_id order by at_s, kind desc rows between unbounded preceding and current row
    )
)
select
    *,
    case
        when is_end then 'canceled'
        when has_trial and step = 0 then 'trialing'
        when is_past_due then 'past_due'
        else 'active'
    end as status,
    case when is_end then 'deleted' when event_number = 1 then 'created' else 'updated' end as event_kind
from states
"""

_PRICE_JSON = """
'{"id":"price_' || plan_key || '_' || billing_interval || '_' || currency
|| '","object":"price","active":true,"billing_scheme":"per_unit","created":1680000000,"currency":"'
|| currency || '","livemode":true,"lookup_key":null,"metadata":{},"nickname":null,"product":"prod_' || plan_key
|| '","recurring":{"interval":"' || billing_interval || '","interval_count":1,"usage_type":"' || usage
|| '"},"tiers_mode":null,"type":"recurring","unit_amount":' || unit_amount
|| ',"unit_amount_decimal":"' || unit_amount || '"}'
"""

_PRICE_OF = f"""
create macro price_json(plan_key, billing_interval, currency, unit_amount, usage) as ({_PRICE_JSON});
create macro item_json(item, subscription, price, quantity) as (
    '{{"id":"' || item || '","object":"subscription_item","created":1680000000,"discounts":[],"metadata":{{}},"price":'
    || price || quantity || ',"subscription":"' || subscription || '"}}'
);
"""

_LINES = f"""
create temp table lines as
select
    at_s,
    draw('copy', subscription_id, event_number) as copy_luck,
    draw('late', subscription_id, event_number) as late_luck,
    '{{"id":"' || stripe_key('evt_', subscription_id, event_number)
    || '","object":"event","api_version":"2024-06-20","created":' || at_s
    || ',"data":{{"object":{{"id":"' || subscription_id
    || '","object":"subscription","billing_cycle_anchor":' || started
    || ',"cancel_at":' || case when is_scheduled then cast(started + (step + 1) * {_MONTH} as varchar) else 'null' end
    || ',"cancel_at_period_end":' || is_scheduled
    || ',"canceled_at":' || case when is_end or is_scheduled then cast(at_s as varchar) else 'null' end
    || ',"cancellation_details":{{"comment":null,"feedback":null,"reason":'
    || case when not is_end then 'null' when draw('why', subscription_id, 0) < 0.25 then '"payment_failed"'
        else '"cancellation_requested"' end
    || '}},"collection_method":"charge_automatically","created":' || started
    || ',"currency":"' || currency || '","current_period_end":' || started + (step + 1) * {_MONTH}
    || ',"current_period_start":' || started + step * {_MONTH}
    || ',"customer":"' || stripe_key('cus_', account, 0) || '","discount":null,"discounts":['
    || case when percent_off > 0 then
        '{{"id":"di_' || substr(subscription_id, 5) || '","object":"discount","coupon":{{"id":"PCT' || percent_off
        || '","object":"coupon","amount_off":null,"currency":null,"duration":"'
        || case percent_off when 15 then 'repeating","duration_in_months":3'
            else 'forever","duration_in_months":null' end
        || ',"livemode":true,"percent_off":' || percent_off || '.0,"valid":true}},"end":'
        || case percent_off when 15 then cast(discounted_at + 92 * {_DAY} as varchar) else 'null' end
        || ',"start":' || discounted_at || ',"subscription":"' || subscription_id || '"}}' else '' end
    || '],"ended_at":' || case when is_end then cast(at_s as varchar) else 'null' end
    || ',"items":{{"object":"list","data":['
    || item_json(
        'si_' || substr(subscription_id, 5), subscription_id,
        price_json(plan_key, billing_interval, currency, money(unit_amount, currency), 'licensed'),
        ',"quantity":' || seats)
    || case when has_addon and step >= 4 then ',' || item_json(
        'sa_' || substr(subscription_id, 5), subscription_id,
        price_json('insights', billing_interval, currency, case billing_interval when 'month' then 4900 else 49900 end,
            'licensed'), ',"quantity":1') else '' end
    || case when has_metered then ',' || item_json(
        'sm_' || substr(subscription_id, 5), subscription_id,
        price_json('queries', billing_interval, currency, 2, 'metered'), '') else '' end
    || '],"has_more":false,"url":"/v1/subscription_items"}},"latest_invoice":"'
    || stripe_key('in_', subscription_id, step) || '","livemode":true,"metadata":{{"account_id":"acc_'
    || printf('%07d', account) || '"}},"pause_collection":'
    || case when is_paused then '{{"behavior":"void","resumes_at":null}}' else 'null' end
    || ',"start_date":' || started || ',"status":"' || status
    || '","trial_end":' || case when has_trial then cast(started + {_MONTH} as varchar) else 'null' end
    || ',"trial_start":' || case when has_trial then cast(started as varchar) else 'null' end
    || '}}' || case when event_kind = 'updated' then ',"previous_attributes":{{}}' else '' end
    || '}},"livemode":true,"pending_webhooks":0,"request":{{"id":null,"idempotency_key":null}}'
    || ',"type":"customer.subscription.' || event_kind || '"}}' as line
from events
inner join ({_PRICES}) as prices using (plan)
where prices.billing_interval = case when events.is_yearly = 1 then 'year' else 'month' end
"""

_PLACED = """
create temp table placed as
select month, place, line
from (
    select strftime(to_timestamp(at_s) at time zone 'UTC', '%Y-%m') as month,
        at_s + cast(copy_luck * 1e4 as bigint) as place, line
    from lines where late_luck >= 0.005
    union all
    select strftime(least(to_timestamp(at_s) at time zone 'UTC' + interval 1 month, $last), '%Y-%m'), at_s, line
    from lines where late_luck < 0.005
    union all
    select strftime(to_timestamp(at_s) at time zone 'UTC', '%Y-%m'), at_s + 40000, line
    from lines where copy_luck < 0.01
)
"""

_CUSTOMERS = """
select
    '{"id":"' || stripe_key('evt_', account, 'customer')
    || '","object":"event","api_version":"2024-06-20","created":' || min(started) - 60
    || ',"data":{"object":{"id":"' || stripe_key('cus_', account, 0)
    || '","object":"customer","created":' || min(started) - 60
    || ',"email":"billing@company' || account || '.example","livemode":true,"metadata":{"account_id":"acc_'
    || printf('%07d', account) || '"},"name":"Company ' || account
    || '"}},"livemode":true,"pending_webhooks":0,"type":"customer.created"}' as line
from subscriptions
group by account
order by account
"""

_RATES = """
select strftime(month, '%Y-%m') as month, currency,
    round(around * (0.95 + 0.1 * draw('fx', currency, cast(month as varchar))), 4) as rate
from (values ('EUR', 1.09), ('GBP', 1.27)) as currencies(currency, around),
    generate_series(date '{first}', date '{last}', interval 1 month) as months(month)
order by all
"""


def write_history(landing: Path, events: int = 1_000_000, seed: int = 7) -> int:
    """Writes about ``events`` subscription events (never fewer) to ``landing``; returns how many."""
    folder = landing / "stripe" / "events"
    folder.mkdir(parents=True, exist_ok=True)
    (landing / "fx_rates").mkdir(parents=True, exist_ok=True)
    as_text = "(format csv, header false, quote '', escape '', delimiter '\x01')"
    with duckdb.connect() as connection:
        connection.execute(f"create macro seed() as {int(seed)}")
        for statement in (_MACROS, _PRICE_OF):
            connection.execute(statement)
        connection.execute(
            _SUBSCRIPTIONS,
            {
                "accounts": int(events / EVENTS_AN_ACCOUNT) + 1,
                "start": day_number(FIRST_DAY) * _DAY,
                "until": day_number(END) * _DAY,
            },
        )
        connection.execute(_EVENTS, {"until": day_number(END) * _DAY})
        connection.execute(_LINES)
        connection.execute(_PLACED, {"last": add_months(END, -1)})
        months = [
            m
            for (m,) in connection.execute(
                "select distinct month from placed order by 1"
            ).fetchall()
        ]
        for month in months:
            connection.execute(
                f"copy (select line from placed where month = '{month}' order by place, line) "
                f"to '{folder / month}.jsonl' {as_text}"
            )
        connection.execute(f"copy ({_CUSTOMERS}) to '{folder / 'customers.jsonl'}' {as_text}")
        rates = _RATES.format(first=FIRST_DAY, last=END)
        connection.execute(f"copy ({rates}) to '{landing / 'fx_rates' / 'fx_rates.csv'}' (header)")
        return connection.execute("select count(*) from events").fetchone()[0]
