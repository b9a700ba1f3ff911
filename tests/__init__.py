"""The tests: one folder per app, mirroring the source; `journeys`, `browser` and `rules` look across it."""
