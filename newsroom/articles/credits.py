"""Who made a picture, where the picture itself may not say."""


def credit_of(own: str, *, is_machine_made: bool, agreed: str) -> str:
    """What the picture says, else what is agreed with its feed; a program is nobody to credit, and the feed least of all."""
    own = own.strip()
    return own if own or is_machine_made else agreed.strip()
