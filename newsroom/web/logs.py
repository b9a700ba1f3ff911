"""Log lines: a sentence, then its ids as key=value; no reader's address, no token."""

import logging
from typing import Any

from newsroom.web.masking import mask_text

# What every record has; anything else came in as `extra`.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_NOT_SHOWN = frozenset({"request", "response", "status_code", "server_time", "data"})


class MaskAddresses(logging.Filter):
    """Masks addresses and tokens in the message and in what stands beside it, for every handler behind it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask_text(record.getMessage()), None
        for name, value in vars(record).items():
            if name not in _USUAL and isinstance(value, str):
                setattr(record, name, mask_text(value))
        return True


class WithoutTrace(logging.Filter):
    """A warning of one line instead of an error with a traceback: for what strangers do, not us, such as a wrong Host."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.exc_info = record.exc_text = None
        return True


class LineFormatter(logging.Formatter):
    """`2026-11-22T06:00:00 INFO newsroom.mail.letters A letter is sent. letter_id=7`"""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return mask_text(super().format(record))  # once more: a traceback may quote an address

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")
        return " ".join([line, *(f"{name}={_value(value)}" for name, value in _extras(record))])


def _extras(record: logging.LogRecord) -> list[tuple[str, Any]]:
    shown = vars(record).items()
    return [(name, value) for name, value in shown if name not in _USUAL and name not in _NOT_SHOWN]


def _value(value: object) -> str:
    text = str(value)
    return repr(text) if not text or any(character.isspace() for character in text) else text
