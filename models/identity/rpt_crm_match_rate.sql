with

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

person_traits as (
    select * from {{ ref('int_identity__person_traits') }}
),

primary_accounts as (
    select * from {{ ref('bridge_account_people') }}
    where is_primary
),

crm_records as (
    select * from {{ ref('bridge_crm_records') }}
),

product_users as (
    select distinct person_id from user_people
),

people_in_crm as (
    select distinct person_id from crm_records
    where person_id is not null
),

accounts_in_crm as (
    select distinct account_id from crm_records
    where object = 'accounts'
),

users_described as (
    select
        product_users.person_id,
        case when people_in_crm.person_id is null then 0 else 1 end as is_matched,
        case when coalesce(person_traits.is_business_email, false) then 'business' else 'free_mail' end as email_kind,
        case when accounts_in_crm.account_id is null then 'account_not_in_crm' else 'account_in_crm' end as account_state
    from product_users
    left join person_traits on product_users.person_id = person_traits.person_id
    left join people_in_crm on product_users.person_id = people_in_crm.person_id
    left join primary_accounts on product_users.person_id = primary_accounts.person_id
    left join accounts_in_crm on primary_accounts.account_id = accounts_in_crm.account_id
),

users_cut as (
    select
        'all' as dimension,
        'all' as dimension_value,
        is_matched
    from users_described
    union all
    select
        'email_kind' as dimension,
        email_kind as dimension_value,
        is_matched
    from users_described
    union all
    select
        'account' as dimension,
        account_state as dimension_value,
        is_matched
    from users_described
),

cuts_counted as (
    select
        dimension,
        dimension_value,
        count(*) as count_users,
        cast(sum(is_matched) as bigint) as count_matched,
        cast(sum(is_matched) as double) / count(*) as match_rate
    from users_cut
    group by dimension, dimension_value
),

final as (
    select
        dimension,
        dimension_value,
        count_users,
        count_matched,
        cast(match_rate as decimal(9, 6)) as match_rate,
        case
            when match_rate > {{ var('crm_match_rate_target') }} then 'on_target'
            when match_rate >= {{ var('crm_match_rate_red_flag') }} then 'warning'
            else 'red_flag'
        end as state
    from cuts_counted
)

select * from final
