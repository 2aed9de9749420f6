with

item_changes as (
    select * from {{ ref('int_revenue__item_changes') }}
),

day_changes as (
    select * from {{ ref('int_revenue__account_day_changes') }}
),

pairs as (
    select * from item_changes
    where not is_grouped
),

exchanged as (
    select
        *,
        -- the share of the list price that was left after discounts, kept while the rest changes
        case when list_mrr_before > 0 then mrr_before / list_mrr_before else 1 end as kept_share_before,
        case
            when quantity_before = quantity_after then list_mrr_before
            -- a tiered price charges another quantity by its own rule: all of it is seats
            when price_before = price_after then list_mrr_after
            when quantity_before > 0 then list_mrr_before * quantity_after / quantity_before
            else list_mrr_before
        end as list_mrr_at_new_quantity,
        case
            when coalesce(plan_before, '') <> coalesce(plan_after, '') then 'tier'
            when billing_interval_before <> billing_interval_after then 'interval'
            else 'price'
        end as price_cause
    from pairs
    where
        source_before is not null
        and source_after is not null
),

parts as (
    -- seats first, at the old price; then the price, for the new seats; then the discount
    select
        account_id,
        change_date,
        'seats' as cause,
        (list_mrr_at_new_quantity - list_mrr_before) * kept_share_before as part
    from exchanged

    union all

    select
        account_id,
        change_date,
        price_cause as cause,
        (list_mrr_after - list_mrr_at_new_quantity) * kept_share_before as part
    from exchanged

    union all

    select
        account_id,
        change_date,
        'discount' as cause,
        mrr_after - list_mrr_after * kept_share_before as part
    from exchanged

    union all

    select
        account_id,
        change_date,
        'addon' as cause,
        coalesce(mrr_after, 0) - coalesce(mrr_before, 0) as part
    from pairs
    where
        source_before is null
        or source_after is null
),

causes_weighed as (
    select
        day_changes.account_id,
        day_changes.change_date,
        day_changes.movement_type,
        day_changes.change_amount,
        parts.cause,
        -- decimal, so that the order of summing cannot move a cent
        sum(cast(parts.part as decimal(18, 6))) as weight
    from parts
    inner join day_changes
        on
            parts.account_id = day_changes.account_id
            and parts.change_date = day_changes.change_date
    where day_changes.movement_type in ('expansion', 'contraction')
    group by 1, 2, 3, 4, 5
),

causes_agreeing as (
    select
        *,
        weight * change_amount > 0 as has_the_sign_of_the_change,
        max(case when weight * change_amount > 0 then 1 else 0 end) over (
            partition by account_id, change_date
        ) as has_any_agreeing,
        row_number() over (
            partition by account_id, change_date order by abs(weight) desc, cause
        ) as weight_rank
    from causes_weighed
),

causes_ranked as (
    -- What worked against the day's net change has been netted: it shrinks the other causes.
    -- Where everything did (a cent of two currencies rounded against each other), the largest has it.
    select
        *,
        case
            when has_any_agreeing = 1
                then
                    cast(abs(weight) as double)
                    / cast(sum(abs(weight)) over (partition by account_id, change_date) as double)
            else 1
        end as share_of_change,
        row_number() over (
            partition by account_id, change_date order by abs(weight) desc, cause
        ) as size_rank
    from causes_agreeing
    where
        has_the_sign_of_the_change
        or (has_any_agreeing = 0 and weight_rank = 1)
),

smaller_causes as (
    select
        *,
        case
            when size_rank > 1
                then
                    cast(
                        sign(change_amount)
                        * floor(round(cast(abs(change_amount) as double) * share_of_change * 100, 4))
                        / 100 as decimal(18, 2)
                    )
            else cast(0 as decimal(18, 2))
        end as smaller_amount
    from causes_ranked
),

final as (
    -- whole cents for the smaller causes, the rest for the largest: the parts add up exactly
    select
        account_id,
        change_date,
        movement_type,
        cause,
        cast(
            case
                when size_rank > 1 then smaller_amount
                else change_amount - sum(smaller_amount) over (partition by account_id, change_date)
            end as decimal(18, 2)
        ) as amount
    from smaller_causes
)

select * from final
where amount <> 0
