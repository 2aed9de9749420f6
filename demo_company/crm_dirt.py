"""What a CRM looks like after some years: records made by an integration, and dirt on all of them.

Everything here has random streams of its own and comes after what Sales keeps (`crm.py`), so
the records made there keep their ids. Dirt never changes whose record it is.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from demo_company import names
from demo_company.clock import MS_DAY, stream
from demo_company.employers import CONTACT, LEAD, Employer
from demo_company.world import Account, User, World

if TYPE_CHECKING:
    from demo_company.crm import Crm

_LEGAL = (" Inc.", " LLC", " Ltd", " GmbH", ", Inc", " Corporation")


def typo(rng: np.random.Generator, text: str) -> str:
    """One letter left out, doubled, or swapped with the next; the first one stays."""
    places = [i for i in range(1, len(text) - 1) if text[i].isalpha() and text[i + 1].isalpha()]
    if not places:
        return text + text[-1:]
    i = places[int(rng.integers(len(places)))]
    kind = int(rng.integers(3))
    if kind == 0:
        return text[:i] + text[i + 1 :]
    if kind == 1 or text[i] == text[i + 1]:
        return text[:i] + text[i] + text[i:]
    return text[:i] + text[i + 1] + text[i] + text[i + 2 :]


def private_address(rng: np.random.Generator, user: User, taken: set[str]) -> str:
    """A mailbox at a free provider nobody signed up with."""
    local, number = user.email.split("@")[0], 1
    while True:
        provider = names.FREE_MAIL[int(rng.integers(len(names.FREE_MAIL)))]
        address = f"{local}{number if number > 1 else ''}@{provider}"
        if address not in taken:
            taken.add(address)
            return address
        number += 1


class CrmDirt:
    """Completes the records of a `Crm` and dirties them."""

    def __init__(self, crm: "Crm", employed: dict[int, Employer]) -> None:
        self.crm, self.employed = crm, employed
        self.world: World = crm.world
        self.rng = stream(self.world.parameters.seed, "crm_dirt")
        self.end = crm.end
        self.taken = {user.email for user in self.world.users}

    def add_what_the_integration_made(self, owners: list[str]) -> None:
        """Sign-ups are pushed to the CRM by an integration: most, not all."""
        for account in self.world.accounts:
            record = self.crm.account_records.get(account.index)
            if account.domain and record is None and self.rng.random() < 0.93:
                record = self._account(account, owners)
            for member in account.members:
                user = self.world.users[member]
                known = member in self.crm.users_known
                if known or user.same_as >= 0 or user.has_claimed_email:
                    continue
                if self.rng.random() < 0.93:
                    self._person(account, record, user, owners)
        for index, employer in self.employed.items():
            account = self.world.accounts[employer.account]
            user = self.world.users[index]
            if employer.way == CONTACT and account.index in self.crm.account_records:
                record = self.crm.account_records[account.index]
                self._person(account, record, user, owners)
            elif employer.way == LEAD:
                misspelt = typo(self.rng, account.name) + _LEGAL[index % len(_LEGAL)]
                self._person(account, None, user, owners, company=misspelt)

    def _account(self, account: Account, owners: list[str]) -> str:
        at = account.signed_up + self.rng.uniform(0, 2) * MS_DAY
        return self.crm.add_account(
            account,
            at,
            at + self.rng.uniform(0, 30) * MS_DAY,
            owners[int(self.rng.integers(len(owners)))],
            website=f"https://{account.domain}",
            external_id=account.account_id if self.rng.random() < 0.5 else None,
        )

    def _person(
        self,
        account: Account,
        record: str | None,
        user: User,
        owners: list[str],
        company: str | None = None,
    ) -> None:
        at = user.signed_up + self.rng.uniform(0, 1) * MS_DAY
        owner = owners[int(self.rng.integers(len(owners)))]
        fields = {
            "FirstName": user.first_name,
            "LastName": user.last_name,
            "Email": user.email,
            "Title": user.title,
            "PLG_Person_Id__c": None,
            "OwnerId": owner,
        }
        if record is None:
            fields |= {"Company": company or account.name, "Status": "Open"}
            self.crm.add_person("leads", "00Q", at, user, account, **fields)
        else:
            self.crm.add_person("contacts", "003", at, user, account, AccountId=record, **fields)

    def dirty(self, rate: float) -> None:
        """`rate` scales everything; 1 is a CRM as they are."""
        truth = dict(self.crm.truth)
        clean = {name: list(self.crm.records[name]) for name in ("contacts", "leads", "accounts")}
        for object_name in ("contacts", "leads"):
            for record in clean[object_name]:
                person, account, _ = truth[object_name, record["Id"]]
                if person is not None:
                    self._dirty_person(object_name, record, person, account, rate)
        for record in clean["accounts"]:
            _, account, _ = truth["accounts", record["Id"]]
            if account is not None:
                self._dirty_account(record, account, rate)
        self._parents(rate)

    def _note(self, object_name: str, record: dict[str, Any], kind: str) -> None:
        person, account, kinds = self.crm.truth[object_name, record["Id"]]
        self.crm.truth[object_name, record["Id"]] = (person, account, (*kinds, kind))

    def _dirty_person(
        self,
        object_name: str,
        record: dict[str, Any],
        person: int,
        account: int | None,
        rate: float,
    ) -> None:
        rng, user = self.rng, self.world.users[person]
        draws = rng.random(7)
        employed = user.index in self.employed  # its e-mail is what shows where it belongs
        if draws[0] < 0.03 * rate:
            record["LastName"] = typo(rng, record["LastName"])
            self._note(object_name, record, "misspelt_name")
        if draws[1] < 0.02 * rate:
            record["FirstName"] = record["FirstName"][0] + "."
            self._note(object_name, record, "initial_only")
        if draws[2] < 0.04 * rate and not employed:
            record["Email"] = private_address(rng, user, self.taken)
            self._note(object_name, record, "private_email")
        elif draws[3] < 0.02 * rate and not employed:
            local, domain = user.email.split("@")
            record["Email"] = f"{typo(rng, local)}@{domain}"
            self._note(object_name, record, "misspelt_email")
        elif draws[4] < 0.02 * rate and not employed:
            record["Email"] = None
            self._note(object_name, record, "no_email")
        if draws[5] < 0.02 * rate and object_name == "contacts" and account is not None:
            copy = {k: v for k, v in record.items() if k not in _OWN}
            copy["Email"] = None if rng.random() < 0.5 else private_address(rng, user, self.taken)
            self._copy("contacts", "003", copy, user, account)
        if draws[6] < 0.03 * rate and object_name == "contacts" and account is not None:
            copy = {k: v for k, v in record.items() if k not in {*_OWN, "AccountId"}}
            company = self.world.accounts[account].name
            copy |= {"Email": user.email, "Company": company, "Status": "Open"}
            self._copy("leads", "00Q", copy, user, account)
        if draws[6] > 1 - 0.01 * rate:
            self._homonym(record)

    def _copy(
        self, object_name: str, prefix: str, fields: dict[str, Any], user: User, account: int
    ) -> None:
        at = self.rng.uniform(user.signed_up, self.end)
        self.crm.add_person(object_name, prefix, at, user, self.world.accounts[account], **fields)
        self._note(object_name, self.crm.records[object_name][-1], "duplicate")

    def _homonym(self, record: dict[str, Any]) -> None:
        """Somebody else of the same name, at a company that never touched the product."""
        k = len(self.crm.records["leads"])
        at = self.rng.uniform(self.crm.start, self.end - 2 * MS_DAY)
        self.crm.add(
            "leads",
            "00Q",
            at,
            at,
            Company=f"Homonym Works {k}",
            Status="Open",
            OwnerId=record["OwnerId"],
            FirstName=record["FirstName"],
            LastName=record["LastName"],
            Email=f"hello{k}@homonym-works{k}.com",
            Title="Buyer",
            PLG_Person_Id__c=None,
        )
        self._note("leads", self.crm.records["leads"][-1], "homonym")

    def _dirty_account(self, record: dict[str, Any], account: int, rate: float) -> None:
        rng = self.rng
        draws = rng.random(4)
        if draws[0] < 0.06 * rate:
            record["Name"] = record["Name"] + _LEGAL[int(rng.integers(len(_LEGAL)))]
            self._note("accounts", record, "legal_form")
        if draws[1] < 0.03 * rate:
            record["Name"] = typo(rng, record["Name"])
            self._note("accounts", record, "misspelt_name")
        if draws[2] < 0.05 * rate:
            record["Website"] = None
            self._note("accounts", record, "no_website")
        if draws[3] < 0.02 * rate:
            copy = {k: v for k, v in record.items() if k not in _OWN}
            copy |= {"PLG_Account_Id__c": None, "Website": None, "ParentId": None}
            copy["Name"] = self.world.accounts[account].name + " (old)"
            at = rng.uniform(self.crm.start, self.end - 2 * MS_DAY)
            record_id = self.crm.add("accounts", "001", at, at, **copy)
            self.crm.truth["accounts", record_id] = (None, account, ("duplicate",))

    def _parents(self, rate: float) -> None:
        """Holdings without a product account; one circle of parents; parents that are gone."""
        rng, records = self.rng, self.crm.records["accounts"]
        by_id = {record["Id"]: record for record in records}
        for index, record_id in list(self.crm.account_records.items()):
            account = self.world.accounts[index]
            if account.second_domain and rng.random() < 0.5 * rate:
                holding = f"{account.name.split()[0]} Holding {index}"
                at = account.signed_up
                by_id[record_id]["ParentId"] = self.crm.add(
                    "accounts",
                    "001",
                    at,
                    at,
                    Name=holding,
                    OwnerId=by_id[record_id]["OwnerId"],
                    Website=f"https://holding{index}.com",
                    NumberOfEmployees=account.employees * 3,
                    Industry=account.industry,
                    BillingCountry=account.country,
                    ParentId=None,
                    PLG_Account_Id__c=None,
                )
        ids = list(self.crm.account_records.values())
        if len(ids) >= 6 and rate > 0:
            picked = rng.permutation(len(ids))[:3]
            first, second, orphan = (by_id[ids[int(i)]] for i in picked)
            first["ParentId"], second["ParentId"] = second["Id"], first["Id"]
            self._note("accounts", first, "parent_circle")
            self._note("accounts", second, "parent_circle")
            orphan["ParentId"] = "0015f00000GONE1AAA"
            self._note("accounts", orphan, "parent_gone")


_OWN = {"Id", "CreatedDate", "SystemModstamp", "IsDeleted"}
