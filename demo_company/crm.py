"""What Sales keeps in Salesforce: most customers, some prospects, deals, touches, campaigns."""

import json
from pathlib import Path
from typing import Any

from demo_company import names
from demo_company.books import Books
from demo_company.clock import MS_DAY, MS_HOUR, day_of, iso, stream
from demo_company.crm_dirt import CrmDirt
from demo_company.crm_sales import SalesRecords
from demo_company.employers import Employer
from demo_company.intent import Intent
from demo_company.sales import Handoff
from demo_company.world import NEVER, Account, User, World

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
STAGES = ("Prospecting", "Qualification", "Proposal", "Negotiation")


def salesforce_id(prefix: str, number: int) -> str:
    """15 case-sensitive characters and Salesforce's three check characters."""
    text = ""
    while number:
        number, digit = divmod(number, 62)
        text = _DIGITS[digit] + text
    core = f"{prefix}5f0000{text:0>6}"[:15]
    check = ""
    for part in (core[0:5], core[5:10], core[10:15]):
        check += _CHECK[sum(1 << i for i, letter in enumerate(part) if letter.isupper())]
    return core + check


def _stamp(ms: float) -> str:
    return iso(int(ms))[:-1] + "+0000"


class Crm:
    """Collects the records of each object, then writes them."""

    def __init__(
        self, world: World, books: Books, intent: Intent, handoffs: list[Handoff],
        employed: dict[int, Employer],
    ) -> None:  # fmt: skip
        self.world, self.books, self.employed = world, books, employed
        # (object, record id) -> (user, account, kinds of dirt); None: not of the product
        self.truth: dict[tuple[str, str], tuple[int | None, int | None, tuple[str, ...]]] = {}
        self.account_records: dict[int, str] = {}  # account -> its record
        self.users_known: set[int] = set()
        self.rng = stream(world.parameters.seed, "crm")
        self.records: dict[str, list[dict[str, Any]]] = {
            name: []
            for name in (
                "owners",
                "accounts",
                "contacts",
                "leads",
                "opportunities",
                "tasks",
                "campaign_members",
                "pqls",
            )
        }
        self.end = world.parameters.end_ms
        self.start = world.parameters.start_ms
        self.sales = SalesRecords(self, intent, handoffs)

    def add(self, name: str, prefix: str, created: float, touched: float, **fields: Any) -> str:
        rows = self.records[name]
        touched = min(max(touched, created), self.end - MS_HOUR)
        record = {
            "Id": salesforce_id(prefix, len(rows) + 1),
            **fields,
            "CreatedDate": _stamp(min(created, self.end - 2 * MS_HOUR)),
            "SystemModstamp": _stamp(touched),
            "IsDeleted": False,
        }
        rows.append(record)
        self.truth[name, str(record["Id"])] = (None, None, ())
        return str(record["Id"])

    def add_account(
        self,
        account: Account,
        created: float,
        touched: float,
        owner: str,
        website: str,
        parent: str | None = None,
        external_id: str | None = None,
    ) -> str:
        record_id = self.add(
            "accounts",
            "001",
            created,
            touched,
            Name=account.name,
            OwnerId=owner,
            Website=website,
            NumberOfEmployees=account.employees,
            Industry=account.industry,
            BillingCountry=account.country,
            ParentId=parent,
            PLG_Account_Id__c=external_id,
        )
        self.account_records[account.index] = record_id
        self.truth["accounts", record_id] = (None, account.index, ())
        return record_id

    def add_person(
        self, name: str, prefix: str, at: float, user: User, account: Account | None, **fields: Any
    ) -> str:
        record_id = self.add(name, prefix, at, fields.pop("_touched", at), **fields)
        self.users_known.add(user.index)
        self.truth[name, record_id] = (user.index, account.index if account else None, ())
        return record_id

    def build(self) -> "Crm":
        rng = self.rng
        before = self.start - 60 * MS_DAY
        owners = [
            self.add(
                "owners",
                "005",
                before,
                before,
                Name=name,
                Email=names.owner_email(i),
                IsActive=True,
            )
            for i, name in enumerate(names.OWNERS)
        ]
        deals = {c.account.index: c for c in reversed(self.books.contracts)}
        parent: str | None = None
        for account in self.world.accounts:
            has_deal = account.index in deals
            founder = self.world.users[account.founder]
            if not account.domain or (not has_deal and rng.random() > 0.55):
                if rng.random() < 0.35:
                    self._lead(account, founder, owners)
                continue
            owner = owners[int(rng.integers(len(owners)))]
            created = account.signed_up + rng.uniform(-20, 40) * MS_DAY
            website = (
                account.domain,
                f"https://www.{account.domain}/",
                f"http://{account.domain.upper()}",
            )
            account_id = self.add_account(
                account,
                created,
                created + rng.uniform(0, 90) * MS_DAY,
                owner,
                website[int(rng.integers(3))],
                parent=parent if rng.random() < 0.04 else None,
                external_id=account.account_id if rng.random() < 0.25 else None,
            )
            parent = account_id
            contacts = self._contacts(account, account_id, owner, created)
            self._opportunities(account, account_id, owner, contacts)
        self._strangers(owners)
        later = CrmDirt(self, self.employed)
        later.add_what_the_integration_made(owners)
        self.sales.complete()
        later.dirty(min(self.world.parameters.dirt_rate / 0.005, 3.0))
        self.sales.later_versions()
        return self

    def _person(self, user: User) -> dict[str, Any]:
        email = user.email.title() if self.rng.random() < 0.15 else user.email
        return {
            "FirstName": user.first_name,
            "LastName": user.last_name,
            "Email": email,
            "Title": user.title,
            "PLG_Person_Id__c": None,
        }

    def _contacts(self, account: Account, account_id: str, owner: str, created: float) -> list[str]:
        ids = []
        for member in account.members:
            user = self.world.users[member]
            if user.same_as >= 0 or user.has_claimed_email or self.rng.random() > 0.5:
                continue
            at = max(created, user.signed_up) + self.rng.uniform(0, 10) * MS_DAY
            if at < self.end - MS_DAY:
                ids.append(
                    self.add_person(
                        "contacts",
                        "003",
                        at,
                        user,
                        account,
                        AccountId=account_id,
                        OwnerId=owner,
                        **self._person(user),
                    )
                )
                if self.rng.random() < 0.15:
                    self._campaign_member(at + 2 * MS_DAY, ContactId=ids[-1], LeadId=None)
        return ids

    def _lead(self, account: Account, founder: User, owners: list[str]) -> None:
        at = account.signed_up + self.rng.uniform(0, 5) * MS_DAY
        lead = self.add_person(
            "leads",
            "00Q",
            at,
            founder,
            account,
            _touched=at + 3 * MS_DAY,
            Company=account.name,
            Status=str(self.rng.choice(["Open", "Working", "Unqualified"])),
            OwnerId=owners[int(self.rng.integers(len(owners)))],
            **self._person(founder),
        )
        if self.rng.random() < 0.3:
            self._campaign_member(at + MS_DAY, ContactId=None, LeadId=lead)

    def _campaign_member(self, at: float, **who: str | None) -> None:
        self.add(
            "campaign_members",
            "00v",
            at,
            at,
            CampaignId=salesforce_id("701", int(self.rng.integers(1, 5))),
            Status="Responded",
            HasResponded=True,
            FirstRespondedDate=_stamp(at)[:10],
            **who,
        )

    def _opportunities(
        self, account: Account, account_id: str, owner: str, contacts: list[str]
    ) -> None:
        rng, day = self.rng, 86_400_000
        contracts = [c for c in self.books.contracts if c.account is account]
        for nth, contract in enumerate(contracts):
            closed = contract.signed * day
            opened = max(closed - rng.uniform(20, 75) * MS_DAY, account.signed_up + MS_DAY)
            if closed >= self.end:
                continue
            opportunity = self.add(
                "opportunities",
                "006",
                min(opened, closed),
                closed + 10 * MS_HOUR,
                AccountId=account_id,
                OwnerId=owner,
                Name=f"{account.name} {'renewal' if nth else 'new'} {day_of(contract.start).year}",
                StageName="Closed Won",
                Amount=contract.annual_value / 100,
                CurrencyIsoCode=contract.currency.upper(),
                CloseDate=str(day_of(contract.signed)),
                IsWon=True,
                IsClosed=True,
                Type="Renewal" if nth else "New Business",
            )
            self._tasks(opened, closed, opportunity, contacts, owner)
        activated = sum(self.world.users[m].kind != NEVER for m in account.members)
        if contracts or rng.random() > 0.06 + 0.05 * min(activated, 4):
            return
        opened = account.signed_up + rng.uniform(10, 80) * MS_DAY
        if opened >= self.end - MS_DAY:
            return
        closes = opened + rng.uniform(30, 90) * MS_DAY
        lost = closes < self.end and rng.random() < 0.8
        opportunity = self.add(
            "opportunities",
            "006",
            opened,
            closes if lost else opened + 5 * MS_DAY,
            AccountId=account_id,
            OwnerId=owner,
            Name=f"{account.name} - Team rollout",
            StageName="Closed Lost" if lost else STAGES[int(rng.integers(4))],
            Amount=float(int(rng.integers(3, 40)) * 500),
            CurrencyIsoCode="USD",
            CloseDate=str(day_of(int(closes // MS_DAY))),
            IsWon=False,
            IsClosed=bool(lost),
            Type="New Business",
        )
        self._tasks(opened, min(closes, self.end), opportunity, contacts, owner)

    def _tasks(
        self, first: float, last: float, about: str, contacts: list[str], owner: str
    ) -> None:
        for _ in range(int(self.rng.integers(1, 5))):
            at = self.rng.uniform(first, max(last, first + 1))
            if at < self.end - MS_DAY:
                self.add(
                    "tasks",
                    "00T",
                    at,
                    at,
                    WhoId=contacts[0] if contacts else None,
                    WhatId=about,
                    OwnerId=owner,
                    Subject=str(self.rng.choice(["Call", "Email", "Meeting"])),
                    Status="Completed",
                    ActivityDate=_stamp(at)[:10],
                    TaskSubtype="Task",
                )

    def _strangers(self, owners: list[str]) -> None:
        """Prospects of Sales who never touched the product."""
        rng = self.rng
        for k in range(max(1, len(self.world.accounts) // 12)):
            head = names.COMPANY_HEAD[int(rng.integers(len(names.COMPANY_HEAD)))]
            domain = f"{head.lower()}-prospect{k}.com"
            at = rng.uniform(self.start, self.end - 2 * MS_DAY)
            owner = owners[int(rng.integers(len(owners)))]
            account_id = self.add(
                "accounts",
                "001",
                at,
                at,
                Name=f"{head} Prospect {k}",
                OwnerId=owner,
                Website=f"https://{domain}",
                NumberOfEmployees=int(rng.integers(20, 3000)),
                Industry=names.INDUSTRIES[int(rng.integers(len(names.INDUSTRIES)))],
                BillingCountry="US",
                ParentId=None,
                PLG_Account_Id__c=None,
            )
            self.add(
                "contacts",
                "003",
                at,
                at,
                AccountId=account_id,
                OwnerId=owner,
                FirstName="Alex",
                LastName=names.LAST[int(rng.integers(len(names.LAST)))],
                Email=f"alex{k}@{domain}",
                Title="VP Marketing",
                PLG_Person_Id__c=None,
            )

    def write(self, landing: Path) -> None:
        day = day_of(self.end // MS_DAY - 1)
        for name, records in self.records.items():
            path = landing / "crm" / name / f"{day}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = "".join(
                json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n"
                for record in records
            )
            path.write_text(text, encoding="utf-8")
