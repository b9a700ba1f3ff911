"""`import_articles SOURCE… [--json]`: take articles from files, folders and addresses."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from newsroom.articles import clustering, feeds, intake, pages
from newsroom.articles.drafts import ArticleDraft
from newsroom.articles.errors import ArticlesError
from newsroom.articles.models import Article
from newsroom.articles.states import FeedRights
from newsroom.web.clock import now


class Command(BaseCommand):
    """Each source is taken whole or not at all; a faulty one does not keep the others out, but the exit status
    is 1. Safe to run twice: the second time nothing is new."""

    help = (
        "Take articles from feeds (RSS, Atom, JSON Feed), Markdown files with front matter, HTML pages and the plain "
        "text of news pages: files, folders or addresses."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sources", nargs="+", metavar="SOURCE", help="a file, a folder or an address")
        parser.add_argument("--json", action="store_true", help="one JSON object per article and line")
        parser.add_argument(
            "--feed-rights",
            choices=FeedRights.values,
            default=FeedRights.FULL,
            help="what may be kept of each article (default: everything)",
        )

    def handle(self, *args: Any, sources: list[str], feed_rights: str, **options: Any) -> None:
        problems: list[str] = []
        new = known = 0
        for source in sources:
            try:
                taken = self._take(source, feed_rights)
            except ArticlesError as error:
                problems.append(str(error))
                continue
            new += sum(is_new for _article, is_new in taken)
            known += sum(not is_new for _article, is_new in taken)
            for article, is_new in taken:
                self._tell(article, is_new, as_json=options["json"])
        clustering.group_new(at=now())
        if not options["json"] and (new or known):
            self.stdout.write(_("%(new)d new, %(known)d known.") % {"new": new, "known": known})
        if problems:
            raise CommandError("\n".join(problems))

    def _take(self, source: str, rights: str) -> list[tuple[Article, bool]]:
        drafts = pages.drafts(source)
        taken = intake.take_in_all(drafts, rights=rights, at=now())
        if rights != FeedRights.HEADLINE:
            feeds.fetch_pictures(_new_with_drafts(taken, drafts))
        return taken

    def _tell(self, article: Article, is_new: bool, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(facts(article, is_new), ensure_ascii=False))
        else:
            self.stdout.write(f"{'+' if is_new else '='} {article.title}")


def facts(article: Article, is_new: bool) -> dict[str, Any]:
    """What `--json` says of an article; the keys are stable."""
    labels = ["user_submission"] if article.is_submission else []
    labels += ["machine_made_picture"] if article.has_machine_picture else []
    return {
        "title": article.title,
        "authors": article.byline,
        "language": article.language,
        "reading_minutes": article.reading_minutes,
        "headings": article.headings,
        "origin": article.origin,
        "labels": labels,
        "rights_contact": article.rights_contact,
        "words": article.words,
        "new": is_new,
    }


def _new_with_drafts(
    taken: list[tuple[Article, bool]], drafts: list[ArticleDraft]
) -> list[tuple[Article, ArticleDraft]]:
    return [(article, draft) for (article, is_new), draft in zip(taken, drafts, strict=True) if is_new]
