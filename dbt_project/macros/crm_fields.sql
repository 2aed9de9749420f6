{#-
    Where each CRM keeps what we read: one mapping for both shapes. Salesforce's records are flat;
    HubSpot's have `properties`, and some things beside them. A list names places in order: the
    first that has something counts. A company with other custom fields edits this table only.
-#}
{% macro crm_field_paths(object_name, field) -%}
    {%- set paths = {
        'accounts': {
            'account_name': [['Name'], ['properties.name']],
            'website': [['Website'], ['properties.domain', 'properties.website']],
            'employees': [['NumberOfEmployees'], ['properties.numberofemployees']],
            'industry': [['Industry'], ['properties.industry']],
            'country': [['BillingCountry'], ['properties.country']],
            'parent_record_id': [['ParentId'], ['properties.hs_parent_company_id']],
            'owner_id': [['OwnerId'], ['properties.hubspot_owner_id']],
            'external_account_id': [['PLG_Account_Id__c'], ['properties.plg_account_id']],
            'account_type': [['Type'], ['properties.type']],
            'is_do_not_contact': [['PLG_Do_Not_Contact__c'], ['properties.plg_do_not_contact']],
            'created_at': [['CreatedDate'], ['properties.createdate', 'createdAt']],
        },
        'contacts': {
            'account_record_id': [['AccountId'], ['properties.associatedcompanyid', 'associations.companies.results[0].id']],
            'first_name': [['FirstName'], ['properties.firstname']],
            'last_name': [['LastName'], ['properties.lastname']],
            'email': [['Email'], ['properties.email']],
            'title': [['Title'], ['properties.jobtitle']],
            'company': [[], ['properties.company']],
            'country': [['MailingCountry'], ['properties.country']],
            'owner_id': [['OwnerId'], ['properties.hubspot_owner_id']],
            'external_person_id': [['PLG_Person_Id__c'], ['properties.plg_person_id']],
            'lead_source': [['LeadSource'], ['properties.hs_analytics_source']],
            'lifecycle_stage': [[], ['properties.lifecyclestage']],
            'status': [[], ['properties.hs_lead_status']],
            'mql_at': [['MQL_Date__c'], ['properties.hs_lifecyclestage_marketingqualifiedlead_date', 'properties.hs_v2_date_entered_marketingqualifiedlead']],
            'sql_at': [['SQL_Date__c'], ['properties.hs_lifecyclestage_salesqualifiedlead_date', 'properties.hs_v2_date_entered_salesqualifiedlead']],
            'is_opted_out_of_email': [['HasOptedOutOfEmail'], ['properties.hs_email_optout']],
            'is_opted_out_of_calls': [['DoNotCall'], ['properties.plg_do_not_call']],
            'consent': [['PLG_Consent__c'], ['properties.plg_consent']],
            'created_at': [['CreatedDate'], ['properties.createdate', 'createdAt']],
        },
        'leads': {
            'first_name': [['FirstName'], ['properties.firstname']],
            'last_name': [['LastName'], ['properties.lastname']],
            'email': [['Email'], ['properties.email']],
            'title': [['Title'], ['properties.jobtitle']],
            'company': [['Company'], ['properties.company']],
            'country': [['Country'], ['properties.country']],
            'status': [['Status'], ['properties.hs_lead_status', 'properties.hs_pipeline_stage']],
            'owner_id': [['OwnerId'], ['properties.hubspot_owner_id']],
            'external_person_id': [['PLG_Person_Id__c'], ['properties.plg_person_id']],
            'lead_source': [['LeadSource'], ['properties.hs_analytics_source']],
            'lifecycle_stage': [[], ['properties.lifecyclestage']],
            'mql_at': [['MQL_Date__c'], ['properties.hs_lifecyclestage_marketingqualifiedlead_date']],
            'sql_at': [['SQL_Date__c'], ['properties.hs_lifecyclestage_salesqualifiedlead_date']],
            'is_converted': [['IsConverted'], []],
            'converted_date': [['ConvertedDate'], []],
            'converted_account_record_id': [['ConvertedAccountId'], []],
            'converted_contact_record_id': [['ConvertedContactId'], []],
            'converted_opportunity_record_id': [['ConvertedOpportunityId'], []],
            'is_opted_out_of_email': [['HasOptedOutOfEmail'], ['properties.hs_email_optout']],
            'is_opted_out_of_calls': [['DoNotCall'], ['properties.plg_do_not_call']],
            'consent': [['PLG_Consent__c'], ['properties.plg_consent']],
            'created_at': [['CreatedDate'], ['properties.createdate', 'properties.hs_createdate', 'createdAt']],
        },
        'opportunities': {
            'account_record_id': [['AccountId'], ['associations.companies.results[0].id', 'properties.associatedcompanyid']],
            'opportunity_name': [['Name'], ['properties.dealname']],
            'opportunity_type': [['Type'], ['properties.dealtype']],
            'stage': [['StageName'], ['properties.dealstage']],
            'amount': [['Amount'], ['properties.amount']],
            'currency': [['CurrencyIsoCode'], ['properties.deal_currency_code']],
            'lead_source': [['LeadSource'], ['properties.hs_analytics_source']],
            'is_won': [['IsWon'], ['properties.hs_is_closed_won']],
            'is_closed': [['IsClosed'], ['properties.hs_is_closed']],
            'owner_id': [['OwnerId'], ['properties.hubspot_owner_id']],
            'created_at': [['CreatedDate'], ['properties.createdate', 'createdAt']],
            'close_date': [['CloseDate'], ['properties.closedate']],
        },
        'owners': {
            'owner_name': [['Name'], ['properties.name']],
            'first_name': [['FirstName'], ['firstName', 'properties.firstname']],
            'last_name': [['LastName'], ['lastName', 'properties.lastname']],
            'email': [['Email'], ['email', 'properties.email']],
            'is_active': [['IsActive'], []],
            'time_zone': [['TimeZoneSidKey'], ['timeZone', 'properties.timezone']],
            'team_name': [['PLG_Team__c'], ['teams[0].name']],
            'manager_record_id': [['ManagerId'], []],
        },
        'pqls': {
            'pql_key': [['PLG_PQL_Key__c'], ['properties.plg_pql_key']],
            'handoff_id': [['PLG_Handoff_Id__c'], ['properties.plg_handoff_id']],
            'handoff_status': [['PLG_Handoff_Status__c'], ['properties.plg_handoff_status']],
            'rejection_reason': [['PLG_Rejection_Reason__c'], ['properties.plg_rejection_reason']],
            'status_at': [['PLG_Handoff_Status_At__c'], ['properties.plg_handoff_status_at']],
            'owner_id': [['OwnerId'], ['properties.hubspot_owner_id']],
        },
        'tasks': {
            'person_record_id': [['WhoId'], ['associations.contacts.results[0].id']],
            'about_record_id': [['WhatId'], ['associations.deals.results[0].id', 'associations.companies.results[0].id']],
            'owner_id': [['OwnerId'], ['properties.hubspot_owner_id']],
            'subject': [['Subject'], ['properties.hs_task_subject', 'properties.hs_call_title', 'properties.hs_email_subject', 'properties.hs_meeting_title']],
            'task_type': [['TaskSubtype'], ['properties.hs_task_type', 'properties.hs_communication_channel_type']],
            'status': [['Status'], ['properties.hs_task_status', 'properties.hs_call_status', 'properties.hs_email_status', 'properties.hs_meeting_outcome']],
            'activity_date': [['ActivityDate'], ['properties.hs_timestamp']],
            'created_at': [['CreatedDate'], ['properties.hs_createdate', 'createdAt']],
        },
        'campaign_members': {
            'campaign_id': [['CampaignId'], ['properties.hs_campaign_guid']],
            'contact_record_id': [['ContactId'], ['associations.contacts.results[0].id']],
            'lead_record_id': [['LeadId'], []],
            'status': [['Status'], ['properties.hs_status']],
            'has_responded': [['HasResponded'], ['properties.hs_has_responded']],
            'first_responded_date': [['FirstRespondedDate'], ['properties.hs_first_responded_date']],
            'created_at': [['CreatedDate'], ['createdAt']],
        },
        'opportunity_history': {
            'opportunity_record_id': [['OpportunityId'], ['properties.hs_deal_id']],
            'stage': [['StageName', 'NewValue'], ['properties.dealstage']],
            'entered_at': [['CreatedDate'], ['properties.hs_timestamp', 'createdAt']],
        },
    } -%}
    {{ return(paths[object_name][field]) }}
{%- endmacro %}


{#- How one value is read: a Jinja function of a path, by kind. -#}
{% macro crm_value(path, kind) -%}
    {%- if kind == 'text' -%}{{ json_text('record', path) }}
    {%- elif kind == 'time' -%}{{ json_time('record', path) }}
    {%- elif kind == 'bool' -%}{{ json_bool('record', path) }}
    {%- else -%}{{ json_number('record', path, kind) }}
    {%- endif -%}
{%- endmacro %}


{#- {{ crm_field('contacts', 'first_name') }}: a field of a CRM record of either shape; wants the
    columns crm and record. `kind`: text, time, bool, or the type of a number. -#}
{% macro crm_field(object_name, field, kind='text') -%}
    {%- set shapes = crm_field_paths(object_name, field) -%}
    case
        when crm = 'hubspot'
            then {% if shapes[1] | length > 1 -%}
                coalesce({% for path in shapes[1] %}{{ crm_value(path, kind) }}{{ ', ' if not loop.last }}{% endfor %})
                {%- elif shapes[1] -%}{{ crm_value(shapes[1][0], kind) }}
                {%- else -%}null{%- endif %}
        {% if shapes[0] -%}
        else {% if shapes[0] | length > 1 -%}
            coalesce({% for path in shapes[0] %}{{ crm_value(path, kind) }}{{ ', ' if not loop.last }}{% endfor %})
            {%- else -%}{{ crm_value(shapes[0][0], kind) }}{%- endif %}
        {%- endif %}
    end
{%- endmacro %}
