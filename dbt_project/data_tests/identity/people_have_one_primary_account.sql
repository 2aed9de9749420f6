select person_id
from {{ ref('bridge_account_people') }}
group by person_id
having sum(case when is_primary then 1 else 0 end) <> 1
