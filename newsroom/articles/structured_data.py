"""What search engines are told about an article: schema.org as JSON for a script element."""

import json
from typing import Any

from django.conf import settings
from django.utils.safestring import SafeString, mark_safe

from newsroom.articles.models import Article

_ESCAPES = {
    ord("<"): "\\u003c",
    ord(">"): "\\u003e",
    ord("&"): "\\u0026",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}


def news_article(article: Article) -> SafeString:
    """The article as schema.org NewsArticle; safe inside <script>, whatever the title says. Needs `with_byline()`."""
    facts: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": article.title,
        "inLanguage": article.language,
        "datePublished": article.published_at.isoformat(),
        "dateModified": (article.changed_at or article.published_at).isoformat(),
        "wordCount": article.words,
        "author": [{"@type": "Person", "name": name} for name in article.byline],
        "publisher": {"@type": "NewsMediaOrganization", "name": settings.SITE_NAME, "url": settings.SITE_URL},
        "mainEntityOfPage": settings.SITE_URL + article.get_absolute_url(),
    }
    if article.section:
        facts["articleSection"] = article.section.name_in(article.language)
    if article.teaser:
        facts["description"] = article.teaser
    if (picture := article.picture) and not picture.withdrawn_at:
        facts["image"] = {
            "@type": "ImageObject",
            "url": settings.SITE_URL + picture.file.url,
            "width": picture.width,
            "height": picture.height,
            "creditText": article.picture_credit,
        }
        if picture.digital_source:
            facts["image"]["digitalSourceType"] = (
                f"http://cv.iptc.org/newscodes/digitalsourcetype/{picture.digital_source}"
            )
    return mark_safe(json.dumps(facts, ensure_ascii=False).translate(_ESCAPES))  # noqa: S308 # what ends a script is escaped
