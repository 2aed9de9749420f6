with

duplicate_pairs as (
    select * from {{ ref('int_identity__crm_duplicate_pairs') }}
),

crm_records as (
    select * from {{ ref('bridge_crm_records') }}
),

crm_people as (
    select * from {{ ref('int_identity__crm_people') }}
),

crm_accounts as (
    select * from {{ ref('stg_crm__accounts') }}
),

account_profiles as (
    select * from {{ ref('int_identity__account_profiles') }}
),

edges as (
    select
        node_a,
        node_b
    from duplicate_pairs
),

{{ connected_components('edges', var('component_rounds')) }},

members as (
    select
        label as group_key,
        node
    from component_labels
    union
    select
        label as group_key,
        label as node
    from component_labels
),

evidence_of_groups as (
    select
        members.group_key,
        min(duplicate_pairs.evidence) as evidence
    from duplicate_pairs
    inner join members on duplicate_pairs.node_b = members.node
    group by members.group_key
),

members_described as (
    select
        members.group_key,
        members.node,
        split_part(members.node, '|', 1) as crm,
        split_part(members.node, '|', 2) as object,
        split_part(members.node, '|', 3) as record_id,
        evidence_of_groups.evidence
    from members
    inner join evidence_of_groups on members.group_key = evidence_of_groups.group_key
),

members_weighed as (
    -- how good a survivor each would be: matched surest, contact before lead, fullest, oldest
    select
        members_described.*,
        crm_records.person_id,
        case
            when members_described.crm = 'product' then members_described.record_id else crm_records.account_id
        end as account_id,
        coalesce(crm_records.confidence, 0) as confidence,
        case when members_described.object = 'leads' then 1 else 0 end as is_lead,
        case when account_profiles.has_contract then 1 else 0 end as has_contract,
        coalesce(account_profiles.count_people, 0) as count_people,
        case when crm_people.email is not null then 1 else 0 end
        + case when crm_people.title is not null then 1 else 0 end
        + case when crm_people.account_record_id is not null then 1 else 0 end
        + case when crm_accounts.domain is not null then 1 else 0 end
        + case when crm_accounts.owner_id is not null then 1 else 0 end as count_filled,
        coalesce(crm_people.created_at, crm_accounts.created_at, account_profiles.first_seen_at) as created_at
    from members_described
    left join crm_records
        on
            members_described.crm = crm_records.crm
            and members_described.object = crm_records.object
            and members_described.record_id = crm_records.record_id
    left join crm_people
        on
            members_described.crm = crm_people.crm
            and members_described.object = crm_people.object
            and members_described.record_id = crm_people.record_id
    left join crm_accounts
        on
            members_described.object = 'accounts'
            and members_described.crm = crm_accounts.crm
            and members_described.record_id = crm_accounts.record_id
    left join account_profiles
        on
            members_described.crm = 'product'
            and members_described.record_id = account_profiles.account_id
),

survivors_chosen as (
    select
        *,
        first_value(object) over survivors as survivor_object,
        first_value(record_id) over survivors as survivor_record_id,
        count(*) over (partition by group_key) as count_records
    from members_weighed
    window
        survivors as (
            partition by group_key
            order by
                has_contract desc, count_people desc, confidence desc, is_lead asc, count_filled desc,
                created_at asc nulls last, record_id asc
        )
),

final as (
    select
        crm,
        object,
        record_id,
        {{ hash_id('dup_', 'group_key') }} as duplicate_group_id,
        person_id,
        account_id,
        survivor_object,
        survivor_record_id,
        object = survivor_object and record_id = survivor_record_id as is_survivor,
        evidence || case
            when crm = 'product'
                then '; survivor: contract, then most people, then the oldest. Usage is kept from all'
            else '; survivor: surest match, contact before lead, fullest, oldest. Usage fields from the product, contact details from the CRM'
        end as reason,
        count_records
    from survivors_chosen
)

select * from final
