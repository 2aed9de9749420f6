"""Keep secrets out of messages, logs and tables."""

import re

_SECRETS = [
    (re.compile(r"(?i)(bearer|basic)\s+[A-Za-z0-9._~+/=!-]+"), r"\1 ***"),
    (re.compile(r"(?i)(client_secret|password|access_token|token|sid)=[^&\s\"']+"), r"\1=***"),
    (re.compile(r"/services/(T\w+)/(B\w+)/[A-Za-z0-9]+"), r"/services/\1/\2/***"),
    (re.compile(r"00D\w{9,15}![\w.\-]+"), "***"),
    (re.compile(r"pat-[a-z0-9-]{8,}"), "pat-***"),
]


def redacted(text: str, limit: int = 2000) -> str:
    """``text`` without tokens, passwords and webhook secrets, cut at ``limit`` characters."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
