with

user_agents as (
    select * from {{ ref('stg_events__user_agents') }}
),

bot_user_agents as (
    select * from {{ ref('bot_user_agents') }}
),

agents as (
    select
        user_agent,
        sum(count_calls) as count_calls
    from user_agents
    group by user_agent
),

final as (
    select
        agents.user_agent,
        min(bot_user_agents.kind) as kind,
        min(agents.count_calls) as count_calls
    from agents
    inner join bot_user_agents on regexp_matches(agents.user_agent, bot_user_agents.pattern)
    group by agents.user_agent
)

select * from final
