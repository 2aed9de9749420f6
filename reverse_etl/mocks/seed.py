"""First content of the mocked Salesforce: the CRM files of a demo landing folder."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reverse_etl.mocks.salesforce_org import Org
from warehouse.settings import DEMO_MARKER, Settings

OBJECT_OF_FOLDER = {
    "owners": "User",
    "accounts": "Account",
    "contacts": "Contact",
    "leads": "Lead",
    "opportunities": "Opportunity",
    "tasks": "Task",
    "campaign_members": "CampaignMember",
}


def seed_from_landing(settings: Settings, org: Org) -> int:
    """Load ``landing/crm/<object>/`` into an empty org; the number of records put there.

    Only a demo landing folder is loaded (it has ``demo.json``), and only once: records that
    people or syncs changed are never overwritten. Of several lines with one Id the newest
    ``SystemModstamp`` wins.
    """
    if not (settings.landing_dir / DEMO_MARKER).is_file() or not org.store.is_empty():
        return 0
    count = 0
    with org.store.transaction():
        for folder, object_name in OBJECT_OF_FOLDER.items():
            newest: dict[str, dict[str, Any]] = {}
            for record in _records(settings.landing_dir / "crm" / folder):
                record_id = record.get("Id")
                if not isinstance(record_id, str):
                    continue
                known = newest.get(record_id, {})
                if str(record.get("SystemModstamp", "")) >= str(known.get("SystemModstamp", "")):
                    newest[record_id] = record
            object_type = org.object_type(object_name)
            for record in newest.values():
                org.seed(object_type, record)
            count += len(newest)
    return count


def _records(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted([*folder.rglob("*.jsonl"), *folder.rglob("*.jsonl.gz")]):
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            for line in lines:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue  # dirt is planted in demo files; ingestion accounts for it
                if isinstance(record, dict):
                    yield record
