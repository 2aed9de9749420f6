"""A local HTTP endpoint that lands what Segment, RudderStack and PostHog clients send.

    POST ──> app.py ──> bodies.py ──> wire.py ──> commits.py ──> journal.py ──> landing/events/
             routes,    size, gzip,   envelope    many requests   .part files,
             keys       JSON          → lines     share a sync    rotate, recover

A reply of 200 means: these messages are on disk. What a message *means* is judged later, by the
same ingest that reads every other landed file.
"""
