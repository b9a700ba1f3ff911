"""What a service for error reports is told: where the code failed and why; no reader's address, nobody's network address, no token."""

from typing import Any

from newsroom.web.masking import mask_networks, mask_text

# All others may name the visitor: each proxy has a header of its own for that.
_HEADERS = frozenset({"host", "referer", "user-agent"})


def options(dsn: str) -> dict[str, Any]:
    """For `sentry_sdk.init`. Local variables and forms stay here: they hold addresses, links and keys."""
    return {
        "dsn": dsn,
        "send_default_pii": False,
        "include_local_variables": False,
        "max_request_body_size": "never",
        "before_send": lambda event, hint: masked(_without_visitor(event)),
    }


def _without_visitor(event: Any) -> Any:
    if request := event.get("request"):
        headers = request.get("headers", {})
        request["headers"] = {name: value for name, value in headers.items() if name.lower() in _HEADERS}
    return event


def masked(value: Any) -> Any:
    """The report with every text in it masked as log lines are.

    A request's address may hold a token, and what a database refused a visitor's network.
    """
    if isinstance(value, str):
        return mask_networks(mask_text(value))
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value
