with

profiles as (
    select * from {{ ref('int_pql__account_profiles') }}
),

rules as (
    select * from {{ ref('icp_rules') }}
),

-- one row a span of an account and attribute a rule can ask about
account_values as (
    select
        account_id,
        valid_from,
        'employees' as attribute,
        cast(employees as decimal(18, 2)) as number_value,
        cast(null as varchar) as text_value
    from profiles
    union all
    select
        account_id,
        valid_from,
        'industry' as attribute,
        cast(null as decimal(18, 2)) as number_value,
        lower(trim(industry)) as text_value
    from profiles
    union all
    select
        account_id,
        valid_from,
        'country' as attribute,
        cast(null as decimal(18, 2)) as number_value,
        lower(trim(country)) as text_value
    from profiles
    union all
    select
        account_id,
        valid_from,
        'tech_stack' as attribute,
        cast(null as decimal(18, 2)) as number_value,
        lower(replace(replace(tech_stack, '; ', ';'), ' ;', ';')) as text_value
    from profiles
),

rules_checked as (
    select
        account_values.account_id,
        account_values.valid_from,
        rules.attribute,
        case
            when account_values.number_value is null and coalesce(account_values.text_value, '') = '' then null
            when rules.operator = 'between'
                then
                    account_values.number_value >= coalesce(rules.min_value, account_values.number_value)
                    and account_values.number_value <= coalesce(rules.max_value, account_values.number_value)
            when rules.operator = 'is' then account_values.text_value = lower(rules.text_value)
            when rules.operator = 'includes'
                then
                    strpos(
                        concat(';', account_values.text_value, ';'),
                        concat(';', lower(rules.text_value), ';')
                    ) > 0
        end as is_met,
        case rules.operator
            when 'between' then concat(cast(cast(account_values.number_value as bigint) as varchar), ' employees')
            when 'is' then rules.text_value
            when 'includes' then concat('uses ', rules.text_value)
        end as evidence
    from account_values
    inner join rules on account_values.attribute = rules.attribute
),

attributes_checked as (
    -- one matching rule is enough for its attribute
    select
        account_id,
        valid_from,
        attribute,
        max(case when is_met then 1 when not is_met then 0 end) as is_met,
        min(case when is_met then evidence end) as evidence,
        case attribute
            when 'employees' then 'company size'
            when 'tech_stack' then 'tech stack'
            else attribute
        end as attribute_name
    from rules_checked
    group by account_id, valid_from, attribute
),

profiles_checked as (
    -- every attribute must match: one that is known not to settles it, one unknown leaves it open
    select
        account_id,
        valid_from,
        min(is_met) as smallest,
        sum(case when is_met is null then 1 else 0 end) as count_unknown,
        concat_ws(
            ', ',
            max(case when attribute = 'employees' then evidence end),
            max(case when attribute = 'industry' then evidence end),
            max(case when attribute = 'tech_stack' then evidence end),
            max(case when attribute = 'country' then evidence end)
        ) as evidence,
        concat_ws(
            ', ',
            max(case when attribute = 'employees' and is_met is null then attribute_name end),
            max(case when attribute = 'industry' and is_met is null then attribute_name end),
            max(case when attribute = 'tech_stack' and is_met is null then attribute_name end),
            max(case when attribute = 'country' and is_met is null then attribute_name end)
        ) as unknown
    from attributes_checked
    group by account_id, valid_from
),

final as (
    select
        account_id,
        valid_from,
        'icp_match' as attribute,
        case
            when smallest = 0 then false
            when count_unknown > 0 then null
            else true
        end as is_match,
        evidence,
        unknown
    from profiles_checked
    union all
    select
        account_id,
        valid_from,
        concat('icp_', attribute) as attribute,
        case is_met
            when 1 then true
            when 0 then false
        end as is_match,
        evidence,
        case when is_met is null then attribute_name end as unknown
    from attributes_checked
)

select * from final
