"""Whether HTML can do anything: it is parsed, and what is alive in it is named."""

import re

import lxml.html

_ACTIVE = frozenset(
    [
        "script",
        "style",
        "iframe",
        "frame",
        "frameset",
        "object",
        "embed",
        "applet",
        "form",
        "input",
        "button",
        "select",
        "textarea",
        "link",
        "meta",
        "base",
        "svg",
        "math",
        "template",
        "noscript",
        "video",
        "audio",
        "source",
        "track",
        "portal",
        "marquee",
        "animate",
        "set",
    ]
)
_URLS = frozenset(
    [
        "href",
        "src",
        "action",
        "formaction",
        "background",
        "poster",
        "cite",
        "data",
        "srcset",
        "longdesc",
        "usemap",
        "xlink:href",
    ]
)
_SAFE = re.compile(r"(?:https?:|mailto:|tel:|[^:]*$|[/#?.])", re.I)


def alive(html: str) -> str:
    """What could act in this HTML, in words; empty if nothing can."""
    if not html.strip():
        return ""
    for element in lxml.html.fragment_fromstring(html, create_parent="div").iter():
        if not isinstance(element.tag, str):
            return f"a {type(element).__name__}"
        if element.tag.rpartition("}")[2].lower() in _ACTIVE:
            return f"<{element.tag}>"
        for name, value in element.attrib.items():
            plain = re.sub(r"[\x00-\x20\u200b-\u200f\ufeff]", "", str(value))
            if str(name).lower().startswith("on") or str(name).lower() in {"style", "srcdoc"}:
                return f"{name}="
            if str(name).lower() in _URLS and not _SAFE.match(plain):
                return f"{name}={plain[:60]}"
    return ""
