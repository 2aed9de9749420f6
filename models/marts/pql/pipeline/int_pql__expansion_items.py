"""Which item of the expansion queue opens when, and how it ends.

Thin around ``plg_statistics.expansion_queue``: what an item does depends on how the one before it
ended, which SQL without recursion says badly.
"""


def model(dbt, session):
    events = dbt.ref("int_pql__expansion_events").order("all").to_arrow_table()
    kinds = dbt.ref("expansion_kinds").order("all").to_arrow_table()
    clock = dbt.ref("dim_as_of").to_arrow_table()
    from datetime import timedelta

    from plg_statistics.expansion_queue import ITEMS, queue_items

    if not events.num_rows or not clock.num_rows:
        return ITEMS.empty_table()
    # the last day that has begun
    last_day = (clock["as_of_at"][0].as_py() - timedelta(microseconds=1)).date()
    return queue_items(events, kinds, last_day)
