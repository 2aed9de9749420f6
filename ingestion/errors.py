"""What can go wrong while ingesting, named by what the caller should do.

IngestError
  ├─ IngestRunning   another ingest works on this home; wait for it, then run again
  ├─ FileRefused     one file cannot be used at all; recorded, the other files go on
  ├─ LakeWithoutManifest  ops.duckdb does not belong to this lake; a person must decide
  └─ UnknownFile     the path names no loaded file
"""


class IngestError(Exception):
    """Base of everything ingestion raises on purpose."""


class IngestRunning(IngestError):
    """Another ingest (or withdrawal) holds ``HOME/ingest.lock``."""


class FileRefused(IngestError):
    """A file that cannot be read as what its folder says; ``reason`` is a stable code.

    ``unavailable_file``: not its content is wrong, it could not be read this time (deleted,
    no permission, a disk error); the same content is tried again in the next ingest.
    """

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason
        self.message = message


class LakeWithoutManifest(IngestError):
    """The lake holds committed loads that the manifest does not know."""


class UnknownFile(IngestError):
    """No file of that path is loaded."""
