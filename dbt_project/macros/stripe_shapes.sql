{#-
    What is read of Stripe's objects, for json_struct. Keys are Stripe's own. Ids that Stripe
    expands to whole objects on request are asked for as text; stripe_id() takes the id out.
-#}
{% macro stripe_tiers_shape() -%}
    {{ return([{
        'up_to': 'bigint', 'unit_amount': 'text', 'unit_amount_decimal': 'text',
        'flat_amount': 'text', 'flat_amount_decimal': 'text',
    }]) }}
{%- endmacro %}

{% macro stripe_price_shape() -%}
    {{ return({
        'id': 'text', 'product': 'text', 'active': 'boolean', 'nickname': 'text', 'type': 'text',
        'currency': 'text', 'billing_scheme': 'text', 'unit_amount': 'text', 'unit_amount_decimal': 'text',
        'tiers_mode': 'text', 'tiers': stripe_tiers_shape(),
        'transform_quantity': {'divide_by': 'bigint', 'round': 'text'},
        'recurring': {'interval': 'text', 'interval_count': 'bigint', 'usage_type': 'text'},
    }) }}
{%- endmacro %}

{#- The object prices replaced in 2020; still sent beside them and alone by old API versions. -#}
{% macro stripe_plan_shape() -%}
    {{ return({
        'id': 'text', 'product': 'text', 'currency': 'text', 'billing_scheme': 'text',
        'amount': 'text', 'amount_decimal': 'text', 'interval': 'text', 'interval_count': 'bigint',
        'usage_type': 'text', 'tiers_mode': 'text', 'tiers': stripe_tiers_shape(),
        'transform_usage': {'divide_by': 'bigint', 'round': 'text'},
    }) }}
{%- endmacro %}

{#- Discounts arrive as objects or, where the account does not ask to expand them, as ids only;
    their coupon likewise. So both are kept as text first. -#}
{% macro stripe_discount_shape() -%}
    {{ return({
        'id': 'text', 'start': 'bigint', 'end': 'bigint', 'promotion_code': 'text',
        'coupon': 'text', 'source': {'coupon': 'text'},
    }) }}
{%- endmacro %}

{% macro stripe_coupon_shape() -%}
    {{ return({
        'id': 'text', 'percent_off': 'text', 'amount_off': 'bigint', 'currency': 'text',
        'duration': 'text', 'duration_in_months': 'bigint', 'applies_to': {'products': 'text'}, 'currency_options': 'text',
    }) }}
{%- endmacro %}

{% macro stripe_tax_rate_shape() -%}
    {{ return([{'percentage': 'text', 'inclusive': 'boolean'}]) }}
{%- endmacro %}

{% macro stripe_subscription_shape() -%}
    {{ return({
        'id': 'text', 'customer': 'text', 'status': 'text', 'currency': 'text',
        'created': 'bigint', 'start_date': 'bigint', 'ended_at': 'bigint',
        'canceled_at': 'bigint', 'cancel_at': 'bigint', 'cancel_at_period_end': 'boolean',
        'current_period_start': 'bigint', 'current_period_end': 'bigint',
        'trial_start': 'bigint', 'trial_end': 'bigint',
        'pause_collection': {'behavior': 'text', 'resumes_at': 'bigint'},
        'cancellation_details': {'reason': 'text', 'feedback': 'text'},
        'collection_method': 'text', 'latest_invoice': 'text',
        'metadata': {'account_id': 'text'},
        'discount': 'text', 'discounts': ['text'], 'default_tax_rates': stripe_tax_rate_shape(),
        'quantity': 'bigint', 'plan': stripe_plan_shape(),
        'items': {'data': [{
            'id': 'text', 'quantity': 'bigint',
            'current_period_start': 'bigint', 'current_period_end': 'bigint',
            'price': stripe_price_shape(), 'plan': stripe_plan_shape(),
            'discounts': ['text'], 'tax_rates': stripe_tax_rate_shape(),
        }]},
    }) }}
{%- endmacro %}

{% macro stripe_refund_shape() -%}
    {{ return({
        'id': 'text', 'charge': 'text', 'payment_intent': 'text', 'status': 'text', 'reason': 'text',
        'failure_reason': 'text', 'currency': 'text', 'amount': 'bigint', 'created': 'bigint',
    }) }}
{%- endmacro %}

{#- A line of a credit note: discounts and taxes as on an invoice's. -#}
{% macro stripe_credit_note_line_shape() -%}
    {{ return({
        'id': 'text', 'type': 'text', 'invoice_line_item': 'text', 'amount': 'bigint', 'discount_amount': 'bigint',
        'discount_amounts': [{'amount': 'bigint'}],
        'tax_amounts': [{'amount': 'bigint', 'inclusive': 'boolean'}],
        'taxes': [{'amount': 'bigint', 'tax_behavior': 'text'}],
    }) }}
{%- endmacro %}

{#- A line of an invoice. What it belongs to moved under `parent`, its price under `pricing`, in 2025. -#}
{% macro stripe_invoice_line_shape() -%}
    {%- set of_item = {
        'invoice_item': 'text', 'proration': 'boolean', 'subscription': 'text', 'subscription_item': 'text',
    } -%}
    {{ return({
        'id': 'text', 'type': 'text', 'description': 'text', 'amount': 'bigint', 'currency': 'text',
        'quantity': 'bigint', 'proration': 'boolean', 'subscription': 'text',
        'subscription_item': 'text', 'invoice_item': 'text',
        'period': {'start': 'bigint', 'end': 'bigint'},
        'discount_amounts': [{'amount': 'bigint'}],
        'tax_amounts': [{'amount': 'bigint', 'inclusive': 'boolean'}],
        'taxes': [{'amount': 'bigint', 'tax_behavior': 'text'}],
        'price': {'id': 'text', 'product': 'text', 'type': 'text', 'recurring': {'usage_type': 'text'}},
        'plan': {'id': 'text', 'product': 'text', 'usage_type': 'text'},
        'pricing': {'price_details': {'price': 'text', 'product': 'text'}},
        'parent': {
            'type': 'text', 'invoice_item_details': of_item, 'subscription_item_details': of_item,
        },
    }) }}
{%- endmacro %}

{#- What an invoice was paid with: named by itself until 2025, listed since then where asked for. -#}
{% macro stripe_invoice_payment_shape() -%}
    {{ return({'invoice': 'text', 'payment': {'type': 'text', 'payment_intent': 'text', 'charge': 'text'}}) }}
{%- endmacro %}

{% macro stripe_invoice_payments_shape() -%}
    {{ return({
        'charge': 'text', 'payment_intent': 'text', 'payments': {'data': [stripe_invoice_payment_shape()]},
    }) }}
{%- endmacro %}

{#- The id of something that is an id or an expanded object. -#}
{% macro stripe_id(value) -%}
    case when substr({{ value }}, 1, 1) = {{ "'{'" }} then {{ json_text(value, 'id') }} else {{ value }} end
{%- endmacro %}
