{#- 'Report Created', 'reportCreated', ' report-created ' all become 'report_created'. -#}
{% macro snake_case(column) -%}
    {{ return(adapter.dispatch('snake_case', 'plg')(column)) }}
{%- endmacro %}

{% macro default__snake_case(column) -%}
    trim(regexp_replace(lower(regexp_replace(trim({{ column }}), '([\p{Ll}\p{N}])(\p{Lu})', '\1_\2', 'g')), '[^\p{L}\p{N}]+', '_', 'g'), '_')
{%- endmacro %}

{% macro spark__snake_case(column) -%}
    trim(both '_' from regexp_replace(lower(regexp_replace(trim({{ column }}), '([\\p{Ll}\\p{N}])(\\p{Lu})', '$1_$2')), '[^\\p{L}\\p{N}]+', '_'))
{%- endmacro %}


{#- {{ hash_id('acc_dom_', 'domain') }}: a key that is the same however often, in whatever
    order the warehouse is built. Several columns: {{ hash_id('x_', 'a', 'b') }}. -#}
{% macro hash_id(prefix) -%}
    '{{ prefix }}' || md5(
        {%- for column in varargs -%}
            {{ " || '|' || " if not loop.first }}coalesce(cast({{ column }} as varchar), '')
        {%- endfor -%}
    )
{%- endmacro %}


{#- A row for each part of a text such as 'a;b'; goes in a select list. -#}
{% macro split_to_rows(column, separator=';') -%}
    {{ return(adapter.dispatch('split_to_rows', 'plg')(column, separator)) }}
{%- endmacro %}

{% macro default__split_to_rows(column, separator) -%}
    unnest(string_split({{ column }}, '{{ separator }}'))
{%- endmacro %}

{% macro spark__split_to_rows(column, separator) -%}
    explode(split({{ column }}, '{{ separator }}'))
{%- endmacro %}


{#- Text without the blanks around it; NULL when nothing is left. -#}
{% macro clean_text(expression) -%}
    nullif(trim({{ expression }}), '')
{%- endmacro %}


{#- Host of a URL or of something like 'www.acme.com/path', lower case, without 'www.'. -#}
{% macro url_host(column) -%}
    nullif(regexp_replace(regexp_extract(lower(trim({{ column }})), '^([a-z][a-z0-9+.-]*://)?([^/?#:@]+@)?([^/?#:]+)', 3), '^www[.]', ''), '')
{%- endmacro %}


{#- An e-mail address, trimmed and lower case; NULL when it is not one. -#}
{% macro clean_email(expression) -%}
    case
        when regexp_matches(lower(trim({{ expression }})), '^[^@ ,;<>]+@[^@ ,;<>]+[.][a-z0-9-]+$')
            then lower(trim({{ expression }}))
    end
{%- endmacro %}


{#- What two addresses are compared by when both were verified. Gmail delivers `a.nn+news@` and
    `ann@` (and googlemail.com) to one mailbox, so dots and tag say nothing there. Elsewhere a
    `+tag` may be another mailbox: the address itself is compared. -#}
{% macro email_compare_key(email) -%}
    case
        when
            split_part({{ email }}, '@', 2) in ('gmail.com', 'googlemail.com')
            and replace({{ email_local_part(email) }}, '.', '') <> ''
            then replace({{ email_local_part(email) }}, '.', '') || '@gmail.com'
        else {{ email }}
    end
{%- endmacro %}


{#- What stands before the @, without a `+tag`. -#}
{% macro email_local_part(email) -%}
    split_part(split_part({{ email }}, '@', 1), '+', 1)
{%- endmacro %}


{#- Aggregate: the group's texts in alphabetical order, with ', ' between them. -#}
{% macro join_texts(column) -%}
    {{ return(adapter.dispatch('join_texts', 'plg')(column)) }}
{%- endmacro %}

{% macro default__join_texts(column) -%}
    array_to_string(list_sort(list({{ column }})), ', ')
{%- endmacro %}

{% macro spark__join_texts(column) -%}
    array_join(sort_array(collect_list({{ column }})), ', ')
{%- endmacro %}


{#- Company names that should be equal made equal: lower case, accents off, no punctuation, no
    legal form at the end, no 'the' in front. -#}
{% macro normalise_company_name(column) -%}
    nullif(trim(regexp_replace(regexp_replace(trim(regexp_replace({{ plain_letters(column) }}, '[^a-z0-9]+', ' ', 'g')), '( ({{ company_suffixes() }}))+$', '', 'g'), '^the ', '')), '')
{%- endmacro %}


{#- Legal forms as they read without punctuation, longest first, as a regular expression. -#}
{% macro company_suffixes() -%}
    {%- set forms = [
        'sp z o o', 's a r l', 'incorporated', 'corporation', 'limited', 'company', 'spzoo', 's r l', 's p a', 's r o',
        'ltda', 'bvba', 'sarl', 'gmbh', 'corp', 'asa', 'aps', 'doo', 'inc', 'kft', 'lda', 'llc', 'llp', 'ltd', 'mbh',
        'oyj', 'pbc', 'plc', 'pte', 'pty', 'pvt', 'sas', 'srl', 'sro', 'zrt', 'b v', 'n v', 's a', 's l',
        'ab', 'ag', 'bv', 'co', 'kg', 'kk', 'lp', 'nv', 'oy', 'sa', 'sl', 'ug',
    ] -%}
    {{ forms | join('|') }}
{%- endmacro %}


{#- The stems of a snake_case name's words, sorted: 'project_created' and 'create_project' are
    both 'creat_project'. For finding one action under two names. -#}
{% macro action_key(column) -%}
    {{ return(adapter.dispatch('action_key', 'plg')(column)) }}
{%- endmacro %}

{% macro default__action_key(column) -%}
    array_to_string(list_sort(list_transform(
        string_split({{ column }}, '_'),
        lambda word: regexp_replace(regexp_replace(word, '(ing|ed|es|e|s)$', ''), '(bb|dd|gg|ll|mm|nn|pp|rr|tt)$', substr(regexp_extract(regexp_replace(word, '(ing|ed|es|e|s)$', ''), '.$'), 1, 1))
    )), '_')
{%- endmacro %}

{% macro spark__action_key(column) -%}
    array_join(sort_array(transform(
        split({{ column }}, '_'),
        word -> regexp_replace(regexp_replace(word, '(ing|ed|es|e|s)$', ''), '([bdglmnprt])\\1$', '$1')
    )), '_')
{%- endmacro %}
