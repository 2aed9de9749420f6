with

items as (
    select * from {{ expansion_items() }}
),

signals_met as (
    select * from {{ ref('fct_expansion_signals') }}
),

signals as (
    select * from {{ ref('expansion_signals') }}
),

final as (
    select
        -- keys
        {{ hash_id('exp_', 'items.account_id', 'items.kind', 'items.qualified_date') }} as item_id,
        signals.signal_key,
        -- attributes
        replace(
            replace(
                replace(
                    replace(
                        replace(
                            case
                                when signals_met.value_now = 1 then coalesce(signals.sentence_one, signals.sentence)
                                else signals.sentence
                            end,
                            '{value}', cast(cast(signals_met.value_now as bigint) as varchar)
                        ),
                        '{base}', cast(cast(signals_met.value_before as bigint) as varchar)
                    ),
                    '{percent}', cast(cast(round(100 * signals_met.value_now, 0) as bigint) as varchar)
                ),
                '{window}', coalesce(cast(signals.window_days as varchar), '')
            ),
            '{when}', cast(signals_met.last_seen_date as varchar)
        ) as sentence,
        -- measures
        signals_met.points,
        signals_met.value_now,
        signals_met.value_before,
        -- times
        signals_met.last_seen_date
    from items
    inner join signals_met
        on
            items.account_id = signals_met.account_id
            and items.kind = signals_met.kind
            and items.qualified_date >= signals_met.valid_from
            and items.qualified_date < signals_met.valid_to
    inner join signals on signals_met.signal_key = signals.signal_key
)

select * from final
