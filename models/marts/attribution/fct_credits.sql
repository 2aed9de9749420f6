{#- A credit is a whole number of these parts of one. -#}
{%- set credit_parts = 10000000000 -%}
{%- set first_last_share = var('attribution_position_share') -%}

with

conversions as (
    select * from {{ ref('int_attribution__conversions') }}
),

path_touches as (
    select * from {{ ref('int_attribution__path_touches') }}
    where conversion_id is not null
),

removal_effects as (
    select * from {{ removal_effects() }}
),

models as (
    select * from {{ attribution_models() }}
),

touches_described as (
    select
        path_touches.*,
        removal_effects.removal_effect,
        row_number() over (
            partition by path_touches.conversion_id
            order by
                case when path_touches.is_direct then 1 else 0 end,
                path_touches.touch_number desc
        ) as rank_from_last_non_direct,
        count(*) over (partition by path_touches.conversion_id, path_touches.channel) as count_touches_of_channel,
        {{ seconds_between('path_touches.touched_at', 'path_touches.ended_at') }} / 86400.0
        - min({{ seconds_between('path_touches.touched_at', 'path_touches.ended_at') }} / 86400.0) over (
            partition by path_touches.conversion_id
        ) as days_before_last_touch
    from path_touches
    left join removal_effects
        on
            path_touches.conversion_type = removal_effects.conversion_type
            and path_touches.channel = removal_effects.channel
),

touches_weighed as (
    select
        touches_described.conversion_id,
        models.model,
        touches_described.touch_id,
        touches_described.touch_type,
        touches_described.channel,
        touches_described.campaign,
        touches_described.touch_number,
        touches_described.touched_at,
        cast(
            case models.model
                when 'first' then case when touches_described.touch_number = 1 then 1 else 0 end
                when 'last'
                    then case when touches_described.touch_number = touches_described.count_touches then 1 else 0 end
                when 'last_non_direct'
                    then case when touches_described.rank_from_last_non_direct = 1 then 1 else 0 end
                when 'linear' then 1
                when 'position_based'
                    then case
                        -- with one touch all of it, with two half each: there is no middle
                        when touches_described.count_touches <= 2 then 1
                        when touches_described.touch_number in (1, touches_described.count_touches)
                            then {{ first_last_share }}
                        else (1 - 2 * {{ first_last_share }}) / cast(touches_described.count_touches - 2 as double)
                    end
                when 'time_decay'
                    then power(
                        cast(0.5 as double),
                        cast(touches_described.days_before_last_touch as double)
                        / {{ var('attribution_half_life_days') }}
                    )
                -- a channel's effect once a path, however often the path comes through it
                when 'markov'
                    then
                        coalesce(touches_described.removal_effect, 0)
                        / cast(touches_described.count_touches_of_channel as double)
            end as double
        ) as weight
    from touches_described
    cross join models
),

touches_totalled as (
    select
        *,
        sum(weight) over (partition by conversion_id, model) as total_weight,
        count(*) over (partition by conversion_id, model) as count_weights
    from touches_weighed
),

shares as (
    select
        touches_totalled.*,
        conversions.value as conversion_value,
        case
            when touches_totalled.total_weight > 0 then touches_totalled.weight / touches_totalled.total_weight
            -- effects too small to tell apart from nothing: nobody has more than another
            else 1 / cast(touches_totalled.count_weights as double)
        end as share_of_conversion
    from touches_totalled
    inner join conversions on touches_totalled.conversion_id = conversions.conversion_id
),

rounded_down as (
    select
        *,
        cast(
            floor(round(share_of_conversion * {{ credit_parts }}, 4)) / {{ credit_parts }} as decimal(18, 10)
        ) as credit_before,
        cast(
            floor(round(cast(conversion_value as double) * share_of_conversion * 100, 4)) / 100 as decimal(18, 2)
        ) as value_before
    from shares
),

ranked as (
    select
        *,
        row_number() over (
            partition by conversion_id, model
            order by credit_before desc, touch_number desc
        ) as share_rank,
        sum(credit_before) over (partition by conversion_id, model) as total_credit_before,
        sum(value_before) over (partition by conversion_id, model) as total_value_before
    from rounded_down
),

credits as (
    -- what rounding down left goes to the touch with the most, of equal ones the latest
    select
        conversion_id,
        model,
        touch_id,
        touch_type,
        channel,
        campaign,
        touch_number,
        touched_at,
        cast(
            credit_before + case when share_rank = 1 then 1 - total_credit_before else 0 end as decimal(18, 10)
        ) as credit,
        cast(
            value_before
            + case when share_rank = 1 then conversion_value - total_value_before else 0 end as decimal(18, 2)
        ) as value
    from ranked
),

untouched as (
    -- nobody led here that we know of: kept, so that nothing is lost
    select conversions.*
    from conversions
    left join path_touches
        on
            conversions.conversion_id = path_touches.conversion_id
            and path_touches.touch_number = 1
    where path_touches.touch_id is null
),

all_credits as (
    select * from credits
    where credit <> 0 or coalesce(value, 0) <> 0

    union all

    select
        untouched.conversion_id,
        models.model,
        cast(null as varchar) as touch_id,
        'none' as touch_type,
        'unattributed' as channel,
        cast(null as varchar) as campaign,
        cast(null as bigint) as touch_number,
        cast(null as timestamp) as touched_at,
        cast(1 as decimal(18, 10)) as credit,
        untouched.value
    from untouched
    cross join models
),

final as (
    select
        -- keys
        all_credits.conversion_id,
        all_credits.model,
        all_credits.touch_id,
        -- attributes
        conversions.conversion_type,
        conversions.entity_type,
        conversions.person_id,
        conversions.account_id,
        all_credits.touch_type,
        all_credits.channel,
        all_credits.campaign,
        conversions.is_in_marketing_funnel,
        conversions.is_in_product_funnel,
        conversions.is_in_both_funnels,
        -- measures
        all_credits.touch_number,
        all_credits.credit,
        all_credits.value,
        -- times
        all_credits.touched_at,
        conversions.converted_at
    from all_credits
    inner join conversions on all_credits.conversion_id = conversions.conversion_id
)

select * from final
