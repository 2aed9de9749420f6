with

companies_told as (
    select * from {{ ref('stg_events__companies') }}
),

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

devices as (
    select * from {{ ref('int_identity__devices') }}
),

crm_people as (
    select * from {{ ref('int_identity__crm_people') }}
),

crm_person_matches as (
    select * from {{ ref('int_identity__crm_person_matches') }}
),

accounts as (
    select * from {{ ref('int_identity__account_profiles') }}
    where normal_name is not null and not is_domain_only
),

names_of_people as (
    select
        coalesce(user_people.person_id, devices.person_id) as person_id,
        companies_told.company_name
    from companies_told
    left join user_people on companies_told.user_id = user_people.user_id
    left join devices on companies_told.anonymous_id = devices.anonymous_id
    union
    select
        crm_person_matches.person_id,
        crm_people.company as company_name
    from crm_person_matches
    inner join crm_people
        on
            crm_person_matches.crm = crm_people.crm
            and crm_person_matches.object = crm_people.object
            and crm_person_matches.record_id = crm_people.record_id
    where crm_people.object = 'leads' or crm_people.account_record_id is null
),

names_normalised as (
    select distinct
        person_id,
        {{ normalise_company_name('company_name') }} as normal_name
    from names_of_people
    where company_name is not null
),

names_compared as (
    -- equal beginnings only: Jaro-Winkler hardly forgives a wrong first letter, and the join stays small
    select
        names_normalised.person_id,
        accounts.account_id,
        max({{ jaro_winkler('names_normalised.normal_name', 'accounts.normal_name') }}) as similarity
    from names_normalised
    inner join accounts
        on
            substr(names_normalised.normal_name, 1, 2) = substr(accounts.normal_name, 1, 2)
            and coalesce({{ digits_of('names_normalised.normal_name') }}, '') = coalesce({{ digits_of('accounts.normal_name') }}, '')
    where names_normalised.person_id is not null
    group by names_normalised.person_id, accounts.account_id
),

names_ranked as (
    select
        person_id,
        account_id,
        similarity,
        row_number() over (partition by person_id order by similarity desc, account_id asc) as place,
        lead(similarity, 1, 0.0) over (partition by person_id order by similarity desc, account_id asc) as next_similarity
    from names_compared
    where similarity >= {{ var('company_name_similarity') }}
),

final as (
    -- two accounts that fit about as well: nobody can tell
    select
        person_id,
        account_id,
        cast(similarity as decimal(4, 3)) as similarity
    from names_ranked
    where
        place = 1
        and similarity - next_similarity >= {{ var('company_name_margin') }}
)

select * from final
