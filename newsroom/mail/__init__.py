"""All mail leaves through here: letters to single people, the wire format, providers, what providers report.

May import `newsroom.web`. Main words: letter (one transactional mail), provider event, incident, verdict.
"""
