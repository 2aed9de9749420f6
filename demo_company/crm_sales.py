"""The sales side of the CRM: owners, qualifications, hand-offs and their answers, touches, consent.

Comes after what Sales keeps anyway (`crm`), with random streams of its own. Some records land in
several versions, the newest `SystemModstamp` last, as a CRM read every day would be.
"""

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from demo_company import names
from demo_company.clock import MS_DAY, MS_HOUR, MS_MINUTE, add_months, day_ms, iso, stream
from demo_company.intent import Intent
from demo_company.sales import MODEL, Handoff

if TYPE_CHECKING:
    from demo_company.crm import Crm

WITH_OPPORTUNITY = 0.45  # of engaged hand-offs
AGREES, SAYS_NOTHING, BOOKED_AS_WEB = 0.85, 0.08, 0.8
MQL_TO_SQL, PQL_TO_SQL, SCORED_MQL, OUTBOUND_SQL, WITHOUT_DATE = 0.30, 0.30, 0.05, 0.02, 0.03
OPTED_OUT, WHOLE_ACCOUNT_OUT, WITHDRAWN, GIVEN = 0.03, 0.015, 0.02, 0.7
COUNTED_DAYS = 60  # an opportunity within so many days of a qualification follows from it
KINDS = ("pql", "mql", "sql")


def stamp(ms: float) -> str:
    """As Salesforce writes a moment."""
    return iso(int(ms))[:-1] + "+0000"


class SalesRecords:
    """Completes a `Crm` with what Sales does; `truth` rows are written by `write_truth`."""

    def __init__(self, crm: "Crm", intent: Intent, handoffs: list[Handoff]) -> None:
        self.crm, self.intent, self.handoffs = crm, intent, handoffs
        self.world, self.end = crm.world, crm.end
        self.rng = stream(self.world.parameters.seed, "crm_sales")
        self.touches: list[dict[str, Any]] = []
        self.opportunities: list[dict[str, Any]] = []
        self.marks: list[dict[str, Any]] = []
        self.qualified: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        """account → kind → moments"""
        self.contacts_of: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def complete(self) -> None:
        """Before the dirt: copies of dirty records copy this, too."""
        self._owners()
        self._fields()
        self._marketing_and_sales_leads()
        for contact in self.crm.records["contacts"]:
            self.contacts_of[contact["AccountId"]].append(contact)
        for handoff in self.handoffs:
            self._work(handoff)
        self._sources()

    # -- who sells ----------------------------------------------------------------------

    def _owners(self) -> None:
        owners = self.crm.records["owners"]
        for place, owner in enumerate(owners):
            owner |= {
                "TimeZoneSidKey": names.OWNER_ZONES[place],
                "ManagerId": owners[0]["Id"] if place else None,
                "PLG_Team__c": names.OWNER_TEAMS[place],
            }
        first, last = names.FORMER_OWNER.lower().split()
        begin = self.crm.start - 60 * MS_DAY
        self.crm.add(
            "owners", "005", begin, begin, Name=names.FORMER_OWNER,
            Email=f"{first}.{last}@lumen.example", IsActive=True,
            TimeZoneSidKey="Europe/Berlin", ManagerId=owners[0]["Id"],
            PLG_Team__c=names.FORMER_TEAM,
        )  # fmt: skip
        self._newer("owners", owners[-1], (self.crm.start + self.end) / 2, IsActive=False)

    def _newer(self, name: str, record: dict[str, Any], at: float, **changed: Any) -> None:
        """A later version of a record; the earlier one stays as it was."""
        at = min(at, self.end - MS_HOUR)
        self.crm.records[name].append(record | changed | {"SystemModstamp": stamp(at)})

    def _owner_id(self, place: int) -> str:
        return str(self.crm.records["owners"][place]["Id"])

    # -- fields every record has --------------------------------------------------------

    def _fields(self) -> None:
        rng = self.rng
        for name in ("contacts", "leads"):
            for record in self.crm.records[name]:
                record |= {
                    "HasOptedOutOfEmail": False,
                    "DoNotCall": False,
                    "PLG_Consent__c": "given" if rng.random() < GIVEN else None,
                    "MQL_Date__c": None,
                    "SQL_Date__c": None,
                }
        for record in self.crm.records["leads"]:
            record |= {
                "LeadSource": self._source(("mql", "mql", "sql")[int(rng.integers(3))]),
                "IsConverted": False,
                "ConvertedDate": None,
                "ConvertedAccountId": None,
                "ConvertedContactId": None,
                "ConvertedOpportunityId": None,
            }
        for record in self.crm.records["accounts"]:
            record |= {"Type": "Prospect", "PLG_Do_Not_Contact__c": False}
        by_id = {record["Id"]: record for record in self.crm.records["accounts"]}
        paying = {account for _, account, _, _, amount in self.crm.books.ledger if amount > 0}
        for index, record_id in self.crm.account_records.items():
            account = self.world.accounts[index]
            record, mark = by_id[record_id], account.mark
            if index in paying:
                record["Type"] = "Customer"
            if mark == "competitor":
                record["Type"] = "Competitor"
            elif mark is None and index not in paying:
                draw = rng.random()
                if draw < 0.004:
                    record["Type"], mark = "Competitor", "competitor"
                elif draw < 0.014:
                    record["Type"], mark = "Partner", "partner"
                elif draw < 0.024:
                    record["PLG_Do_Not_Contact__c"], mark = True, "do_not_contact"
            if mark:
                self.marks.append({"account_id": account.account_id, "mark": mark})
        known = set(self.crm.account_records)
        for account in self.world.accounts:
            if account.mark and account.index not in known:
                self.marks.append({"account_id": account.account_id, "mark": account.mark})

    # -- marketing's and sales' own qualifications --------------------------------------

    def _marketing_and_sales_leads(self) -> None:
        rng, responded = self.rng, {}
        for member in self.crm.records["campaign_members"]:
            person = member["ContactId"] or member["LeadId"]
            responded[person] = min(member["CreatedDate"], responded.get(person, "9"))
        for name in ("contacts", "leads"):
            for record in self.crm.records[name]:
                draws = rng.random(8)
                created = _ms(record["CreatedDate"])
                mql: float | None = None
                if record["Id"] in responded:
                    mql = _ms(responded[record["Id"]]) + draws[0] * 2 * MS_DAY
                elif draws[1] < SCORED_MQL:
                    mql = created + (2 + 30 * draws[0]) * MS_DAY
                if mql is not None and mql < self.end - MS_DAY:
                    self._qualify(name, record, "mql", mql, draws[2] < WITHOUT_DATE)
                    sql = mql + (1 + 19 * draws[3]) * MS_DAY
                    if draws[4] < MQL_TO_SQL and sql < self.end - MS_DAY:
                        self._qualify(name, record, "sql", sql, draws[5] < WITHOUT_DATE)
                        if name == "leads" and draws[6] < 0.5:
                            self._convert(record, sql + MS_DAY)
                elif mql is None and draws[6] < OUTBOUND_SQL:
                    sql = created + 40 * draws[7] * MS_DAY
                    if sql < self.end - MS_DAY:
                        self._qualify(name, record, "sql", sql, False)

    def _qualify(
        self, name: str, record: dict[str, Any], kind: str, at: float, is_undated: bool
    ) -> None:
        if not is_undated:
            record["MQL_Date__c" if kind == "mql" else "SQL_Date__c"] = stamp(at)
        if name == "leads":
            sql = ("SQL", "Qualified")[int(at) % 2]
            record["Status"] = "MQL" if kind == "mql" else sql
        record["SystemModstamp"] = max(record["SystemModstamp"], stamp(at))
        _, account, _ = self.crm.truth[name, record["Id"]]
        if account is not None:
            self.qualified[account][kind].append(at)

    def _convert(self, record: dict[str, Any], at: float) -> None:
        if at >= self.end - MS_DAY:
            return
        _, account, _ = self.crm.truth["leads", record["Id"]]
        record |= {
            "Status": "Converted",
            "IsConverted": True,
            "ConvertedDate": stamp(at)[:10],
            "ConvertedAccountId": self.crm.account_records.get(-1 if account is None else account),
        }
        record["SystemModstamp"] = max(record["SystemModstamp"], stamp(at))

    # -- hand-offs ----------------------------------------------------------------------

    def _work(self, handoff: Handoff) -> None:
        account, rng = handoff.account, self.rng
        draws = rng.random(8)
        self.qualified[account.index]["pql"].append(handoff.qualified)
        record = self.crm.account_records.get(account.index)
        owner = self._owner_id(handoff.owner)
        if handoff.synced < self.end - MS_HOUR:
            self._pql_versions(handoff, record, owner)
        contacts = self.contacts_of[record] if record else []
        who = contacts[0]["Id"] if contacts else None
        if handoff.answered_by_robot:
            self._touch(handoff, handoff.answered_by_robot, who, record, owner, False, "")
        if handoff.touched is None or handoff.touched >= self.end - MS_DAY:
            return
        subject = ("Call", "Email", "Meeting")[min(int(draws[0] * 3), 2)]
        self._touch(handoff, handoff.touched, who, record, owner, True, subject)
        if contacts and draws[1] < PQL_TO_SQL:
            at = handoff.touched + draws[2] * 10 * MS_DAY
            if at < self.end - MS_DAY:
                self._qualify("contacts", contacts[0], "sql", at, False)
        if record and draws[3] < WITH_OPPORTUNITY and handoff.statuses[-1][1] != "Rejected":
            self._opportunity(handoff, record, owner, draws)

    def _pql_versions(self, handoff: Handoff, record: str | None, owner: str) -> None:
        fields = {
            "Name": f"{handoff.account.name} {handoff.tier}",
            "PLG_PQL_Key__c": f"{MODEL}|{handoff.account.account_id}",
            "PLG_Account_Id__c": handoff.account.account_id,
            "PLG_Account__c": record,
            "OwnerId": owner,
            "PLG_Handoff_Id__c": None,
            "PLG_Rejection_Reason__c": None,
        }
        at, word, _ = handoff.statuses[0]
        self.crm.add(
            "pqls", "a0P", at, at, **fields, PLG_Handoff_Status__c=word,
            PLG_Handoff_Status_At__c=stamp(at),
        )  # fmt: skip
        first = self.crm.records["pqls"][-1]
        for at, word, reason in handoff.statuses[1:]:
            if at < self.end - 2 * MS_HOUR:
                self._newer(
                    "pqls", first, at + 2 * MS_MINUTE, PLG_Handoff_Status__c=word,
                    PLG_Rejection_Reason__c=reason,
                    PLG_Handoff_Status_At__c=None if at % 5 == 0 else stamp(at),
                )  # fmt: skip

    def _touch(
        self, handoff: Handoff, at: int, who: str | None, about: str | None, owner: str,
        is_human: bool, subject: str,
    ) -> None:  # fmt: skip
        if at >= self.end - MS_HOUR or (who is None and about is None):
            return
        self.crm.add(
            "tasks", "00T", at, at, WhoId=who, WhatId=about, OwnerId=owner,
            Subject=subject or "[Automated] Thanks for trying Lumen", Status="Completed",
            ActivityDate=stamp(at)[:10], TaskSubtype="Task" if is_human else "Email",
        )  # fmt: skip
        self.touches.append(
            {
                "account_id": handoff.account.account_id,
                "touched_at": at,
                "is_human": is_human,
                "owner_email": names.owner_email(handoff.owner),
            }
        )

    def _opportunity(self, handoff: Handoff, record: str, owner: str, draws: Any) -> None:
        assert handoff.touched is not None
        last_at, last_word, _ = handoff.statuses[-1]
        opened = handoff.touched + (0.05 + 3 * draws[4]) * MS_DAY
        if last_word == "Won":
            opened = min(opened, last_at - 2 * MS_HOUR)
        if opened >= self.end - MS_DAY:
            return
        closed = last_at if last_word in ("Won", "Lost") and last_at < self.end - MS_DAY else None
        is_won = closed is not None and last_word == "Won"
        stage = ("Qualification", "Proposal", "Negotiation")[min(int(draws[5] * 3), 2)]
        if closed is not None:
            stage = "Closed Won" if is_won else "Closed Lost"
        closes = closed or opened + 45 * MS_DAY
        self.crm.add(
            "opportunities", "006", opened, closed or opened + MS_DAY, AccountId=record,
            OwnerId=owner, Name=f"{handoff.account.name} - PQL", StageName=stage,
            Amount=float(600 + 100 * int(draws[6] * 60)), CurrencyIsoCode="USD",
            CloseDate=stamp(closes)[:10], IsWon=is_won, IsClosed=closed is not None,
            Type="New Business",
        )  # fmt: skip

    # -- where opportunities come from --------------------------------------------------

    def _source(self, kind: str) -> str:
        choices = names.LEAD_SOURCES[kind]
        return choices[int(self.rng.integers(len(choices)))]

    def _sources(self) -> None:
        """The true cause of each opportunity, and what its rep thinks it was."""
        month = add_months(self.world.parameters.end, -2).replace(day=1)
        first, following = day_ms(month), day_ms(add_months(month, 1))
        account_of = {record: index for index, record in self.crm.account_records.items()}
        for record in self.crm.records["opportunities"]:
            draws = self.rng.random(3)
            opened = _ms(record["CreatedDate"])
            index = account_of.get(record["AccountId"])
            found = self.qualified[index] if index is not None else {}
            latest = {
                kind: max((t for t in found.get(kind, ()) if t <= opened), default=None)
                for kind in KINDS
            }
            near = {
                kind: at
                for kind, at in latest.items()
                if at is not None and opened - at <= COUNTED_DAYS * MS_DAY
            }
            true_kind = max(near, key=lambda kind: (near[kind], kind)) if near else "none"
            says = true_kind if true_kind != "none" else KINDS[int(draws[0] * 3)]
            if draws[1] > AGREES:
                says = KINDS[(KINDS.index(says) + 1) % len(KINDS)]
            record["LeadSource"] = None if draws[2] < SAYS_NOTHING else self._source(says)
            is_planted = first <= opened < following and true_kind == "pql"
            if is_planted and draws[2] < BOOKED_AS_WEB:
                record["LeadSource"] = "Web"
            self.opportunities.append(
                {
                    "opportunity_id": record["Id"],
                    "account_id": None if index is None else self.world.accounts[index].account_id,
                    "true_kind": true_kind,
                    "opened_at": int(opened),
                    "is_in_planted_month": first <= opened < following,
                }
            )

    # -- consent ------------------------------------------------------------------------

    def later_versions(self) -> None:
        """After the dirt: people who opt out or take their consent back, some companies whole."""
        rng = self.rng
        whole = {
            record
            for record in self.crm.account_records.values()
            if rng.random() < WHOLE_ACCOUNT_OUT
        }
        for name in ("contacts", "leads"):
            for record in list(self.crm.records[name]):
                draws = rng.random(4)
                created = _ms(record["CreatedDate"])
                at = created + draws[0] * (self.end - MS_DAY - created)
                changed: dict[str, Any] = {}
                if draws[1] < OPTED_OUT or record.get("AccountId") in whole:
                    changed = {"HasOptedOutOfEmail": True, "DoNotCall": bool(draws[2] < 0.3)}
                elif draws[3] < WITHDRAWN:
                    changed = {"PLG_Consent__c": "withdrawn"}
                if changed and at > created:
                    at = max(at, _ms(record["SystemModstamp"]) + MS_MINUTE)
                    if at < self.end - MS_HOUR:
                        self._newer(name, record, at, **changed)

    def write_truth(self, folder: Path) -> None:
        """``sales_touches``, ``crm_opportunities`` and ``account_marks``."""
        kinds = {"touched_at": pa.timestamp("ms"), "opened_at": pa.timestamp("ms")}
        flags = ("is_human", "is_in_planted_month")
        for name, columns, rows in (
            ("sales_touches", ("account_id", "touched_at", "is_human", "owner_email"),
             self.touches),
            ("crm_opportunities",
             ("opportunity_id", "account_id", "true_kind", "opened_at", "is_in_planted_month"),
             self.opportunities),
            ("account_marks", ("account_id", "mark"), self.marks),
        ):  # fmt: skip
            table = {
                column: pa.array(
                    [row[column] for row in rows],
                    kinds.get(column, pa.bool_() if column in flags else pa.string()),
                )
                for column in columns
            }
            pq.write_table(pa.table(table), folder / f"{name}.parquet", compression="zstd")


def _ms(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1000
