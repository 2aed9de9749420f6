"""What a run prints: a line a step, with the seconds since the start."""

import logging
import sys
import time

from dagster import Field, InitLoggerContext, logger

_STARTED = time.monotonic()


class _ProgressFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # Dagster puts run id, job and step before the message; the reader knows them
        meta = getattr(record, "dagster_meta", None) or {}
        message = meta.get("orig_message") or record.getMessage()
        mark = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        return f"[{time.monotonic() - _STARTED:6.1f} s] {mark}{message}"


def _is_news(record: logging.LogRecord) -> bool:
    # one failed step makes a line of this for each of the steps behind it
    return "Dependencies for step" not in record.getMessage()


@logger(
    {"log_level": Field(str, default_value="INFO", is_required=False)},
    description="One plain line a message, at INFO and above.",
)
def progress_logger(init_context: InitLoggerContext) -> logging.Logger:
    level = logging.getLevelName(init_context.logger_config["log_level"])
    progress = logging.Logger("plg", level)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_ProgressFormatter())
    handler.addFilter(_is_news)
    progress.addHandler(handler)
    return progress
