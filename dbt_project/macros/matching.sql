{#- What identity compares with: spelling of names, similarity, numbers of networks. -#}

{#- Similarity of two texts, 0 to 1, Jaro-Winkler: an equal beginning counts for more. Spark has no
    such function built in: there it is the share of letters that need no edit, a little stricter. -#}
{% macro jaro_winkler(first, second) -%}
    {{ return(adapter.dispatch('jaro_winkler', 'plg')(first, second)) }}
{%- endmacro %}

{% macro default__jaro_winkler(first, second) -%}
    jaro_winkler_similarity({{ first }}, {{ second }})
{%- endmacro %}

{% macro spark__jaro_winkler(first, second) -%}
    (1 - levenshtein({{ first }}, {{ second }}) / cast(greatest(length({{ first }}), length({{ second }})) as double))
{%- endmacro %}


{#- Lower case, the usual accents and umlauts taken off. -#}
{% macro plain_letters(expression) -%}
    translate(lower({{ expression }}), 'áàâäãåāąçćčďéèêëēęěíìîïīłñńňóòôöõøōőřśšťúùûüūůűýÿžźż', 'aaaaaaaacccdeeeeeeeiiiiilnnnooooooooorsstuuuuuuuyyzzz')
{%- endmacro %}


{#- The digits of a text, NULL when it has none: 'Amber Cloud 12' and 'Amber Cloud 13' are two. -#}
{% macro digits_of(expression) -%}
    nullif(regexp_replace({{ expression }}, '[^0-9]', '', 'g'), '')
{%- endmacro %}


{#- First label of a domain: 'acme' of 'acme.com' and of 'acme.co.uk'. -#}
{% macro domain_stem(column) -%}
    split_part({{ column }}, '.', 1)
{%- endmacro %}


{#- An IPv4 address as a number; NULL when it is none. -#}
{% macro ipv4_number(column) -%}
    case
        when
            regexp_matches({{ column }}, '^[0-9]{1,3}([.][0-9]{1,3}){3}$')
            and {% for part in range(1, 5) -%}
            try_cast(split_part({{ column }}, '.', {{ part }}) as bigint) <= 255{{ ' and ' if not loop.last }}
            {%- endfor %}
            then
                {% for factor in (16777216, 65536, 256, 1) -%}
                {{ ' + ' if not loop.first }}try_cast(split_part({{ column }}, '.', {{ loop.index }}) as bigint) * {{ factor }}
                {%- endfor %}
    end
{%- endmacro %}


{#- 2 to the power of 0..32, from a column. -#}
{% macro power_of_two(column) -%}
    case {{ column }}
        {%- for exponent in range(33) %}
        when {{ exponent }} then {{ 2 ** exponent }}
        {%- endfor %}
    end
{%- endmacro %}


{#- The first 64 bits of an IPv6 address as 16 hexadecimal digits; NULL when it is none. An
    office's network is never narrower, so the rest is not looked at. `2001:db8::7` is spelt out
    first: as many `0:` as there are groups missing. -#}
{% macro ipv6_network_digits(column) -%}
    {%- set left = "split_part(lower(" ~ column ~ "), '::', 1)" -%}
    {%- set right = "split_part(lower(" ~ column ~ "), '::', 2)" -%}
    {%- set groups_left = "case when " ~ left ~ " = '' then 0 else length(" ~ left ~ ") - length(replace(" ~ left ~ ", ':', '')) + 1 end" -%}
    {%- set groups_right = "case when " ~ right ~ " = '' then 0 else length(" ~ right ~ ") - length(replace(" ~ right ~ ", ':', '')) + 1 end" -%}
    {%- set full -%}
        case
            when {{ column }} not like '%::%' then lower({{ column }})
            else
                case when {{ left }} = '' then '' else {{ left }} || ':' end
                || repeat('0:', 8 - ({{ groups_left }}) - ({{ groups_right }}))
                || case when {{ right }} = '' then '' else {{ right }} end
        end
    {%- endset -%}
    case
        when regexp_matches(lower({{ column }}), '^[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:]*$')
            then
                {% for group in range(1, 5) -%}
                {{ ' || ' if not loop.first }}lpad(split_part({{ full }}, ':', {{ group }}), 4, '0')
                {%- endfor %}
    end
{%- endmacro %}
