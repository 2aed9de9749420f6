with

crm_records as (
    select * from {{ source('raw', 'crm_records') }}
    where object_name in ('accounts', 'companies', 'contacts', 'leads')
),

marks_told as (
    {% for object_name in ['accounts', 'contacts', 'leads'] %}
    select
        crm,
        '{{ object_name }}' as object,
        record_id,
        {% if object_name == 'accounts' -%}
        lower({{ clean_text(crm_field('accounts', 'account_type')) }}) as account_type,
        coalesce({{ crm_field('accounts', 'is_do_not_contact', 'bool') }}, false) as is_do_not_contact,
        false as is_opted_out,
        cast(null as varchar) as consent,
        {%- else -%}
        cast(null as varchar) as account_type,
        false as is_do_not_contact,
        coalesce({{ crm_field(object_name, 'is_opted_out_of_email', 'bool') }}, false)
        or coalesce({{ crm_field(object_name, 'is_opted_out_of_calls', 'bool') }}, false) as is_opted_out,
        lower({{ clean_text(crm_field(object_name, 'consent')) }}) as consent,
        {%- endif %}
        coalesce(is_deleted, false) as is_deleted,
        modified_at,
        load_id,
        line_number
    from crm_records
    where object_name in ({{ "'accounts', 'companies'" if object_name == 'accounts' else "'" ~ object_name ~ "'" }})
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

versions as (
    -- of several versions of one moment the last that landed holds
    select *
    from marks_told
    where modified_at is not null
    qualify
        row_number() over (
            partition by crm, object, record_id, modified_at
            order by load_id desc, line_number desc
        ) = 1
),

final as (
    select
        crm,
        object,
        record_id,
        account_type,
        is_do_not_contact,
        is_opted_out,
        consent,
        is_deleted,
        modified_at as valid_from,
        lead(modified_at) over (partition by crm, object, record_id order by modified_at) as valid_to
    from versions
)

select * from final
