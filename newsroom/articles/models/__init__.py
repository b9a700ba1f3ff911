"""Records of articles: where they come from, who wrote them, what they said before."""

from newsroom.articles.models.about import Author, AuthorQuerySet, Picture, Section
from newsroom.articles.models.articles import Article, ArticleQuerySet, Byline, Cluster, read_bylines
from newsroom.articles.models.feeds import Feed, FeedQuerySet
from newsroom.articles.models.tokens import ApiToken, Receipt
from newsroom.articles.models.traces import ArticleFingerprint, ClusterDecision, Correction, FormerVersion

__all__ = [
    "ApiToken",
    "Article",
    "ArticleFingerprint",
    "ArticleQuerySet",
    "Author",
    "AuthorQuerySet",
    "Byline",
    "Cluster",
    "ClusterDecision",
    "Correction",
    "Feed",
    "FeedQuerySet",
    "FormerVersion",
    "Picture",
    "Receipt",
    "Section",
    "read_bylines",
]
