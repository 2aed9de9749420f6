with

sessions as (
    select * from {{ ref('fct_touches') }}
),

sales_touches as (
    select * from {{ ref('fct_sales_touches') }}
),

invites as (
    select * from {{ ref('fct_invites') }}
    where is_accepted
),

account_people as (
    select * from {{ ref('bridge_account_people') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

untagged_invitations as (
    -- an invitation taken up through a link without a tag is no session from outside, and yet
    -- a referral; one whose session is there already is not told twice
    select invites.*
    from invites
    left join sessions
        on
            invites.invitee_person_id = sessions.person_id
            and sessions.channel = '{{ var("attribution_invitation_channel") }}'
            and invites.sent_at <= sessions.touched_at
            and invites.accepted_at >= sessions.touched_at
    where sessions.session_id is null
),

people_touched as (
    select
        session_id as touch_id,
        'session' as touch_type,
        person_id,
        channel,
        campaign,
        is_direct,
        touched_at
    from sessions

    union all

    select
        'inv_' || invite_id as touch_id,
        'invitation' as touch_type,
        invitee_person_id as person_id,
        '{{ var("attribution_invitation_channel") }}' as channel,
        cast(null as varchar) as campaign,
        false as is_direct,
        accepted_at as touched_at
    from untagged_invitations
    where invitee_person_id is not null

    union all

    select
        sales_touch_id as touch_id,
        'sales' as touch_type,
        person_id,
        '{{ var("attribution_sales_channel") }}' as channel,
        cast(null as varchar) as campaign,
        false as is_direct,
        touched_at
    from sales_touches
    where person_id is not null
),

invitations_behind_touches as (
    select
        people_touched.touch_id,
        invites.account_id,
        invites.inviter_person_id,
        invites.sent_at
    from people_touched
    inner join invites
        on
            people_touched.person_id = invites.invitee_person_id
            and people_touched.touched_at >= invites.sent_at
            and people_touched.touched_at <= invites.accepted_at
    where people_touched.channel = '{{ var("attribution_invitation_channel") }}'
),

invitations_by_colleagues as (
    -- sent from the account itself, or, from nobody knows where, by one of its people
    select
        touch_id,
        account_id
    from invitations_behind_touches
    where account_id is not null

    union

    select
        invitations_behind_touches.touch_id,
        account_people.account_id
    from invitations_behind_touches
    inner join account_people on invitations_behind_touches.inviter_person_id = account_people.person_id
    where invitations_behind_touches.account_id is null
),

invitations_begun as (
    select
        touch_id,
        min(sent_at) as begun_at
    from invitations_behind_touches
    group by touch_id
),

accounts_touched as (
    -- an account is touched through each of its people. Of invitations only those touch it that may
    -- have brought it in: colleagues invite each other inside an account that was won before, and
    -- one nobody knows the sender of is taken for a colleague's once the account is there
    select
        people_touched.touch_id,
        people_touched.touch_type,
        account_people.account_id,
        people_touched.channel,
        people_touched.campaign,
        people_touched.is_direct,
        people_touched.touched_at
    from people_touched
    inner join account_people on people_touched.person_id = account_people.person_id
    left join accounts on account_people.account_id = accounts.account_id
    left join invitations_begun on people_touched.touch_id = invitations_begun.touch_id
    left join invitations_by_colleagues
        on
            people_touched.touch_id = invitations_by_colleagues.touch_id
            and account_people.account_id = invitations_by_colleagues.account_id
    where
        people_touched.channel <> '{{ var("attribution_invitation_channel") }}'
        or (
            invitations_by_colleagues.touch_id is null
            and coalesce(
                coalesce(invitations_begun.begun_at, people_touched.touched_at) <= accounts.signed_up_at, true
            )
        )

    union

    -- and by Sales also where the record names the account; union: the same touch counts once
    select
        sales_touch_id as touch_id,
        'sales' as touch_type,
        account_id,
        '{{ var("attribution_sales_channel") }}' as channel,
        cast(null as varchar) as campaign,
        false as is_direct,
        touched_at
    from sales_touches
    where account_id is not null
),

entities_touched as (
    select
        'person' as entity_type,
        person_id as entity_id,
        touch_id,
        touch_type,
        channel,
        campaign,
        is_direct,
        touched_at
    from people_touched

    union all

    select
        'account' as entity_type,
        account_id as entity_id,
        touch_id,
        touch_type,
        channel,
        campaign,
        is_direct,
        touched_at
    from accounts_touched
),

final as (
    select entities_touched.*
    from entities_touched
    cross join as_of
    where entities_touched.touched_at <= as_of.as_of_at
)

select * from final
