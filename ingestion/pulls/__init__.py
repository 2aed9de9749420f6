"""Pulls: what an API says, written as landing files that the normal ingest reads.

    stripe.py ──> stripe_api.py (official client, retries)
        │
        ├──> page_file.py   landing/<source>/<object>/pull-….jsonl.gz, seen only when whole
        └──> cursors.py     HOME/pulls/<source>.json: what was pulled until when, and where
                            a pull that was killed goes on

Off by default: a source without credentials is left alone.
"""
