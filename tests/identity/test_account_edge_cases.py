"""The cases account and CRM matching are known to get wrong, each as files that land."""

import pytest

from tests.identity.installation import Installation

pytestmark = pytest.mark.pipeline


class Product:
    """Writes Segment calls."""

    def __init__(self) -> None:
        self.calls: list[dict] = []

    def person(self, user: str, email: str, *groups: str, ip: str = "192.0.2.1", **traits) -> None:
        at = f"2026-06-0{1 + len(self.calls) % 8}T10:00:00Z"
        context = {"ip": ip}
        self._call(
            "identify",
            at,
            userId=user,
            anonymousId=f"a_{user}",
            context=context,
            traits={"email": email, "email_verified": True, **traits},
        )
        for group in groups or (None,):
            extra = {} if group is None else {"groupId": group}
            self._call(
                "track",
                at,
                userId=user,
                event="query_run",
                properties={},
                context={**context, **extra},
            )

    def workspace(self, group: str, name: str, by: str, **traits) -> None:
        self._call(
            "group",
            "2026-06-01T10:00:00Z",
            userId=by,
            groupId=group,
            traits={"name": name, **traits},
        )

    def _call(self, kind: str, at: str, **fields) -> None:
        number = len(self.calls)
        self.calls.append(
            {"messageId": f"m{number}", "type": kind, "timestamp": at, "receivedAt": at, **fields}
        )


def salesforce(object_id: str, **fields) -> dict:
    return {
        "Id": object_id,
        "SystemModstamp": "2026-06-01T00:00:00.000+0000",
        "CreatedDate": "2026-01-01T00:00:00.000+0000",
        "IsDeleted": False,
        **fields,
    }


def hubspot(object_id: str, **properties) -> dict:
    return {
        "id": object_id,
        "properties": properties,
        "updatedAt": "2026-06-01T00:00:00.000Z",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "archived": False,
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Installation:
    new = Installation(tmp_path_factory.mktemp("edges"))
    product = Product()
    # an enterprise customer with a contract, and two of its people on their own
    product.person("big1", "ann@bigco.com", "acc_big", first_name="Ann", last_name="Ito")
    product.person("big2", "bob@bigco.com", "acc_big", first_name="Bob", last_name="Reyes")
    product.workspace("acc_big", "BigCo", "big1", employees=4000, industry="Banking")
    product.person("free", "cy@bigco.com", "acc_free", first_name="Cy", last_name="Novak")
    product.workspace("acc_free", "Cy's playground", "free")
    product.person("lone", "di@bigco.com", first_name="Di", last_name="Khan")
    # a contact Sales knows signs up with a private address
    product.person("known", "eve@gmail.com", first_name="Eve", last_name="Olsen")
    # a whole company on free mail, with a guest of BigCo
    product.person("gm1", "one@gmail.com", "acc_gmail", first_name="Gil", last_name="One")
    product.person("gm2", "two@gmail.com", "acc_gmail", first_name="Gus", last_name="Two")
    product.person("gm3", "tri@yahoo.com", "acc_gmail", first_name="Gia", last_name="Tri")
    product.workspace("acc_gmail", "Kitchen Table Co", "gm1")
    product.person("stranger", "someone@gmail.com", first_name="Some", last_name="One")
    # a contractor in two accounts, and mostly in the second
    product.person(
        "con",
        "con@freelance.io",
        "acc_big",
        "acc_gmail",
        "acc_gmail",
        first_name="Con",
        last_name="Tractor",
    )
    # an acquisition: two of three have the new address already, a third signs up with it
    product.person("old1", "fay@oldname.com", "acc_bought", first_name="Fay", last_name="Baker")
    product.person("old2", "gus@oldname.com", "acc_bought", first_name="Gus", last_name="Young")
    product.person("old3", "ida@oldname.com", "acc_bought", first_name="Ida", last_name="Weber")
    product.person("new1", "hal@newowner.com", "acc_bought", first_name="Hal", last_name="Petrov")
    product.person("new2", "ivy@newowner.com", "acc_bought", first_name="Ivy", last_name="Costa")
    product.workspace("acc_bought", "Oldname Analytics", "old1", employees=120, industry="Media")
    product.person("new3", "joe@newowner.com", first_name="Joe", last_name="Quinn")
    # told by company name, and by the office's address
    product.person(
        "told",
        "kay@gmail.com",
        company="Oldname Analytic, Inc.",
        first_name="Kay",
        last_name="Urban",
    )
    product.person(
        "office", "lea@gmail.com", ip="203.0.113.40", first_name="Lea", last_name="Vogel"
    )
    product.person("shared", "max@gmail.com", ip="198.51.100.9", first_name="Max", last_name="Xu")
    # two of one name in one account
    product.person("tw1", "sam.lopez@twins.com", "acc_twins", first_name="Sam", last_name="Lopez")
    product.person("tw2", "sam.lopez2@twins.com", "acc_twins", first_name="Sam", last_name="Lopez")
    product.workspace("acc_twins", "Twins", "tw1")
    for k in range(30):
        product.person(
            f"x{k}",
            f"name{k}@crowd{k}.com",
            f"acc_x{k}",
            first_name=f"Pat{chr(97 + k % 26)}",
            last_name=f"Crowd{chr(97 + k % 26)}{chr(97 + k // 26)}",
        )
    new.write("events/segment/all.jsonl", product.calls)
    new.write(
        "contracts/contracts.csv",
        "contract_id,account,start,end,annual_value,currency,seats,billing_frequency,signed_date,"
        "owner\nk1,acc_big,2026-01-01,2026-12-31,120000.00,USD,100,annual,2025-12-20,Dana\n",
    )
    new.write(
        "firmographics/firmographics.csv",
        "domain,company,employees,industry,country,tech_stack,hiring_signals,ip_ranges\n"
        "bigco.com,BigCo,4000,Banking,US,,,203.0.113.0/24;198.51.100.0/24\n"
        "oldname.com,Oldname Analytics,120,Media,DE,,,198.51.100.0/24;0.0.0.0/0\n",
    )
    new.write(
        "crm/accounts/all.jsonl",
        [
            salesforce("001BIG", Name="BigCo Inc.", Website="www.bigco.com", ParentId="001OLD"),
            salesforce("001OLD", Name="Oldname", Website="oldname.com", ParentId="001BIG"),
            salesforce("001NEW", Name="New Owner", Website="https://newowner.com"),
            salesforce(
                "001MIS",
                Name="Oldname Analytix",
                NumberOfEmployees=120,
                Industry="Media",
                BillingCountry="DE",
                ParentId="001NOBODY",
            ),
            salesforce("001TWN", Name="Twins", Website="twins.com"),
        ],
    )
    new.write(
        "crm/contacts/all.jsonl",
        [
            salesforce(
                "003EVE",
                FirstName="Eve",
                LastName="Olsen",
                Email="EVE@gmail.com",
                AccountId="001OLD",
            ),
            salesforce(
                "003FAY",
                FirstName="Fay",
                LastName="Bakker",
                Email="fay.b@hotmail.com",
                AccountId="001OLD",
            ),
            salesforce(
                "003HOM",
                FirstName="Hal",
                LastName="Petrov",
                Email="hal@elsewhere.com",
                AccountId="001NOT",
            ),
            salesforce("003TWN", FirstName="Sam", LastName="Lopez", AccountId="001TWN"),
        ],
    )
    new.write(
        "crm/companies/all.jsonl",
        [hubspot("9", name="Kitchen Table", plg_account_id="acc_gmail", domain="gmail.com")],
    )
    new.write(
        "crm/contacts/hubspot.jsonl",
        [
            hubspot(
                "51",
                firstname="Gil",
                lastname="One",
                email="one@gmail.com",
                associatedcompanyid="9",
            ),
        ],
    )
    new.ingest()
    new.build_identity()
    return new


def accounts_of(built: Installation, user: str) -> dict[str, tuple[str, bool]]:
    """Account -> (method, is primary) of the person behind a user id."""
    rows = built.query(
        "select a.account_id, a.method, a.is_primary from identity.bridge_account_people as a "
        "inner join identity.bridge_person_ids as i using (person_id) "
        f"where i.id_type = 'user_id' and i.id_value = '{user}'"
    )
    return {account: (method, is_primary) for account, method, is_primary in rows}


def record(built: Installation, record_id: str) -> list[tuple]:
    return built.query(
        "select r.object, i.id_value, r.account_id, r.method from identity.bridge_crm_records as r "
        "left join identity.bridge_person_ids as i "
        "on r.person_id = i.person_id and i.id_type = 'user_id' "
        f"where r.record_id = '{record_id}'"
    )


def hierarchy(built: Installation, account: str) -> tuple:
    [row] = built.query(
        "select parent_account_id, ultimate_parent_account_id, method "
        f"from identity.dim_account_hierarchy where account_id = '{account}'"
    )
    return row


def test_an_employee_of_a_customer_with_an_own_free_workspace_rolls_up_to_the_customer(built):
    assert accounts_of(built, "free") == {"acc_free": ("group", True)}
    parent, top, method = hierarchy(built, "acc_free")
    assert (parent, method) == ("acc_big", "company_domain")
    assert top == hierarchy(built, "acc_big")[1]


def test_an_employee_of_a_customer_without_a_workspace_is_in_the_customers_account(built):
    assert accounts_of(built, "lone") == {"acc_big": ("email_domain", True)}


def test_a_crm_contact_who_signs_up_with_a_private_address_is_in_the_account_sales_knows(built):
    assert accounts_of(built, "known") == {"acc_bought": ("crm_contact", True)}
    assert record(built, "003EVE") == [("contacts", "known", "acc_bought", "email")]


def test_a_company_wholly_on_free_mail_is_an_account_and_its_domain_draws_nobody_in(built):
    assert accounts_of(built, "gm2") == {"acc_gmail": ("group", True)}
    assert accounts_of(built, "stranger") == {}
    assert built.query(
        "select domain from identity.int_identity__accounts where account_id = 'acc_gmail'"
    ) == [(None,)]
    assert record(built, "9") == [("accounts", None, "acc_gmail", "external_id")]


def test_a_contractor_is_in_both_accounts_and_primary_in_the_one_of_most_work(built):
    assert accounts_of(built, "con") == {
        "acc_big": ("group", False),
        "acc_gmail": ("group", True),
    }


def test_after_an_acquisition_the_new_domain_leads_to_the_same_account(built):
    assert accounts_of(built, "new3") == {"acc_bought": ("email_domain", True)}
    assert record(built, "001NEW") == [("accounts", None, "acc_bought", "domain")]
    assert record(built, "001OLD") == [("accounts", None, "acc_bought", "domain")]


def test_a_misspelt_company_and_an_office_address_are_weak_evidence_where_there_is_no_better(built):
    assert accounts_of(built, "told") == {"acc_bought": ("company_name", True)}
    assert accounts_of(built, "office") == {"acc_big": ("ip_range", True)}


def test_an_address_of_two_companies_is_nobodys(built):
    assert accounts_of(built, "shared") == {}


def test_a_circle_of_parents_has_one_top(built):
    tops = {hierarchy(built, account)[1] for account in ("acc_big", "acc_bought", "acc_free")}
    assert tops == {"acc_big"}
    assert hierarchy(built, "acc_big") == (None, "acc_big", "circle_cut")
    assert hierarchy(built, "acc_bought") == ("acc_big", "acc_big", "crm_parent")


def test_a_misspelt_contact_with_a_private_address_is_matched_by_probability(built):
    assert record(built, "003FAY") == [("contacts", "old1", "acc_bought", "probabilistic")]


def test_somebody_of_the_same_name_elsewhere_is_somebody_else(built):
    assert record(built, "003HOM") == []


def test_two_people_who_fit_alike_are_for_a_person_to_decide(built):
    assert record(built, "003TWN") == []
    assert built.query(
        "select reason, crm_name, product_name from identity.rpt_crm_match_review "
        "where record_id = '003TWN'"
    ) == [("ambiguous", "Sam Lopez", "Sam Lopez")]


def test_a_misspelt_crm_account_is_matched_or_offered_for_review(built):
    matched = record(built, "001MIS")
    offered = built.query(
        "select account_id from identity.rpt_crm_match_review where record_id = '001MIS'"
    )
    assert [row[2] for row in matched] + [row[0] for row in offered] == ["acc_bought"]


def test_hubspot_records_are_matched_like_salesforces(built):
    assert record(built, "51") == [("contacts", "gm1", "acc_gmail", "email")]


def test_an_unchanged_input_is_not_linked_again_and_a_changed_one_is(built):
    built.query("update identity.int_identity__linkage_pairs set probability = 0.123")
    built.dbt("run", "--select", "int_identity__linkage_pairs")
    kept = built.query("select distinct probability from identity.int_identity__linkage_pairs")
    assert kept == [(0.123,)]
    built.query("update identity.int_identity__linkage_records set title = 'changed'")
    built.dbt("run", "--select", "int_identity__linkage_pairs")
    linked = built.query("select distinct probability from identity.int_identity__linkage_pairs")
    assert (0.123,) not in linked
    assert len(linked) > 1
