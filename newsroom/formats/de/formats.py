"""`3. Mai 2026, 06:00`: the same in lists, forms and sentences."""

DATETIME_FORMAT = "j. F Y, H:i"
SHORT_DATETIME_FORMAT = DATETIME_FORMAT
