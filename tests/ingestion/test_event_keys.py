"""The index of message ids: repeats are found by it, and it heals itself."""

import duckdb
import pytest

from ingestion.event_keys import DATASET


def line(message_id: str, day: str = "2026-01-05") -> str:
    return (
        f'{{"messageId":"{message_id}","type":"track","event":"a_b","userId":"u1",'
        f'"timestamp":"{day}T10:00:00.000Z","receivedAt":"{day}T10:00:01.000Z"}}\n'
    )


@pytest.fixture
def lake(installation):
    """Three events of two days, loaded."""
    installation.land("events/segment/one.jsonl", line("m1") + line("m2"))
    installation.land("events/segment/two.jsonl", line("m3", "2026-01-06"))
    installation.ingest()
    return installation


def again(lake) -> tuple[int, int]:
    """(accepted, duplicates) of a file that repeats an event of each day and brings a new one."""
    lake.land("events/segment/three.jsonl", line("m1") + line("m3", "2026-01-06") + line("m4"))
    counts = lake.ingest().datasets["events"]
    return counts.rows_accepted, counts.rows_duplicate


def test_repeats_of_any_day_are_found(lake):
    assert again(lake) == (1, 2)


def test_a_lost_file_of_the_index_is_written_again(lake):
    for path in (lake.settings.lake_dir / DATASET).glob("load-*.parquet"):
        path.unlink()
    assert again(lake) == (1, 2)


def test_another_hash_function_makes_a_new_index(lake):
    """As after an upgrade of DuckDB: the keys are of no use, and the marker says so."""
    folder = lake.settings.lake_dir / DATASET
    for path in folder.glob("load-*.parquet"):
        with duckdb.connect() as connection:
            connection.execute(
                f"copy (select message_key + 1 as message_key, received_date, load_id "
                f"from '{path}') to '{path}.new' (format parquet)"
            )
        path.with_name(path.name + ".new").replace(path)
    (folder / "hashes_of_known_texts").write_text("1")
    assert again(lake) == (1, 2)


def test_two_ids_of_one_hash_are_two_events(lake):
    """The index only says where to look: here it claims that the new event was met before."""
    folder = lake.settings.lake_dir / DATASET
    (path,) = folder.glob("load-*.parquet")
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select * from '{path}' union all select hash('m4'), date '2026-01-05', 1) "
            f"to '{path}.new' (format parquet)"
        )
    path.with_name(path.name + ".new").replace(path)
    assert again(lake) == (1, 2)
