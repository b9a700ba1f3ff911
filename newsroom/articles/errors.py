"""What can go wrong with articles; each text is one sentence for the person at the desk.

ArticlesError
├── SourceError             a source cannot be taken in; `source` is its name; nothing of it was stored
│   ├── MissingSource       no such file
│   ├── UnreachableSource   an address that could not be fetched, or may not be
│   ├── NotText             not a text file
│   ├── BrokenFeed          a feed that cannot be read
│   └── NoArticle           no article in it
├── KeyUsedBefore       an Idempotency-Key came again with other content
├── ClusterError            articles that cannot be put together or parted
└── PictureError            a picture cannot be kept: no picture, of a wrong kind, or too large
"""


class ArticlesError(Exception):
    """Base of this app's errors."""


class SourceError(ArticlesError):
    """A source cannot be taken in."""

    def __init__(self, sentence: str, *, source: str) -> None:
        super().__init__(sentence)
        self.source = source


class MissingSource(SourceError):
    """There is no such file or folder."""


class UnreachableSource(SourceError):
    """The address could not be fetched, or may not be."""


class NotText(SourceError):
    """The file is a picture, a PDF or the like."""


class BrokenFeed(SourceError):
    """It looks like a feed and cannot be read as one."""


class NoArticle(SourceError):
    """It can be read, but there is no article in it."""


class KeyUsedBefore(ArticlesError):
    """An Idempotency-Key came again with other content."""


class ClusterError(ArticlesError):
    """The selected articles cannot be put together, or parted."""


class PictureError(ArticlesError):
    """The picture cannot be kept."""
