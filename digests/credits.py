"""What the credit of a picture gives away: a program named as its maker, where readers must be told of a machine."""

import re

_MACHINE = re.compile(
    r"\b(midjourney|dall[·\-\s]?e|stable diffusion|adobe firefly|openai|chatgpt|ki-(?:generiert|bild|illustration)"
    r"|mit ki\b|ai[- ](?:generated|image|illustration)|generated (?:by|with) ai)",
    re.IGNORECASE,
)


def tells_of_a_machine(credit: str) -> bool:
    return _MACHINE.search(credit) is not None
