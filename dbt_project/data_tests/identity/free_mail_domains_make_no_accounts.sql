select
    domain_accounts.domain,
    domain_accounts.account_id
from {{ ref('int_identity__domain_accounts') }} as domain_accounts
inner join {{ ref('free_email_domains') }} as email_domains
    on domain_accounts.domain = email_domains.domain
