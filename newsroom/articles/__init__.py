"""What the newsroom published: articles with authors, sections and pictures, and the feeds they come from.

May import `newsroom.web` and `newsroom.mail`. Main words: article, feed, first seen.
"""
