"""The desk's view of articles and where they come from."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from newsroom.articles import clustering, feeds, publishing, text
from newsroom.articles.errors import ClusterError
from newsroom.articles.forms import ArticleForm, PictureForm
from newsroom.articles.models import (
    Article,
    Author,
    Byline,
    Correction,
    Feed,
    FormerVersion,
    Picture,
    Section,
)
from newsroom.articles.states import Origin, Review
from newsroom.articles.token_admin import ApiTokenAdmin as ApiTokenAdmin
from newsroom.web.clock import now


class BylineInline(admin.TabularInline[Byline, Article]):
    model = Byline
    extra = 0
    autocomplete_fields = ["author"]
    verbose_name_plural = _("authors, in this order")


class CorrectionInline(admin.TabularInline[Correction, Article]):
    model = Correction
    extra = 0
    readonly_fields = ["made_at", "made_by"]


class FormerVersionInline(admin.TabularInline[FormerVersion, Article]):
    """What the article said before; append-only."""

    model = FormerVersion
    extra = 0
    can_delete = False
    fields = ["replaced_at", "title", "teaser"]
    readonly_fields = ["replaced_at", "title", "teaser"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class WithdrawForm(forms.Form):
    """Why articles are taken back."""

    reason = forms.CharField(
        label=_("Reason"), max_length=300, help_text=_("Colleagues read it, readers do not.")
    )


@admin.register(Article)
class ArticleAdmin(admin.ModelAdmin[Article]):
    form = ArticleForm
    list_display = ["title", "section", "whose", "seen", "standing"]
    list_filter = [
        "language",
        "section",
        "origin",
        "review",
        ("rights_notice", admin.EmptyFieldListFilter),
        ("withdrawn_at", admin.EmptyFieldListFilter),
        "feed",
    ]
    list_select_related = ["section", "feed", "picture", "cluster"]
    list_per_page = 50
    search_fields = ["title", "teaser", "bylines__author__name"]
    search_help_text = _("Headline, teaser or author")
    date_hierarchy = "first_seen_at"
    ordering = ["-first_seen_at"]
    inlines = [BylineInline, CorrectionInline, FormerVersionInline]
    autocomplete_fields = ["section", "picture", "feed", "related"]
    readonly_fields = [
        "words", "headings", "first_seen_at", "changed_at", "withdrawn_at", "withdrawn_reason", "known_by",
        "also_told_by",
    ]  # fmt: skip
    actions = ["withdraw", "restore", "mark_reviewed", "tell_of_one_event", "tell_of_something_else"]
    fieldsets = [
        (None, {"fields": ["kicker", "title", "slug", "teaser", "body_html", "language", "section"]}),
        (
            _("Picture"),
            {
                "fields": ["picture", "picture_alt", "picture_is_illustration"],
                "description": _("A machine-made picture is labelled as such wherever the article is shown."),
            },
        ),
        (
            _("Origin"),
            {
                "fields": [
                    "origin",
                    "review",
                    "is_sensitive",
                    "rights_contact",
                    "rights_notice",
                    "canonical_url",
                    "feed",
                ],
                "description": _(
                    "Readers always see that a piece is a user submission, and whether we reviewed it."
                ),
            },
        ),
        (
            _("Time"),
            {
                "fields": ["published_at", "embargo_until", "first_seen_at", "changed_at"],
                "description": _(
                    "Before the end of its embargo an article is neither on the site nor in a digest."
                ),
            },
        ),
        (
            _("Reading"),
            {
                "fields": ["also_told_by", "reading_minutes", "words", "headings", "related"],
                "classes": ["collapse"],
            },
        ),
        (
            _("Withdrawal"),
            {"fields": ["withdrawn_at", "withdrawn_reason", "known_by"], "classes": ["collapse"]},
        ),
    ]

    @admin.display(description=_("origin"), ordering="origin")
    def whose(self, article: Article) -> str:
        """Where it comes from, and of what readers sent whether somebody looked at it."""
        if not article.is_submission:
            return article.get_origin_display()
        review = Review.UNREVIEWED if article.is_unreviewed else Review.REVIEWED
        return f"{article.get_origin_display()}, {review.label}"

    # Translators: Spalte: wann der Artikel zum ersten Mal gesehen wurde
    @admin.display(description=_("seen"), ordering="first_seen_at")
    def seen(self, article: Article) -> str:
        return date_format(timezone.localtime(article.first_seen_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=_("state"), ordering="withdrawn_at")
    def standing(self, article: Article) -> str:
        if article.withdrawn_at:
            return gettext("withdrawn")
        if article.embargo_until and article.embargo_until > timezone.now():
            return gettext("under embargo")
        return gettext("public")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new article is published now and in the site's language, unless somebody says otherwise."""
        return {
            "published_at": now(),
            "language": settings.LANGUAGE_CODE,
            **super().get_changeform_initial_data(request),
        }

    @admin.display(description=_("same event"))
    def also_told_by(self, article: Article) -> str:
        """The other articles of its cluster."""
        others = Article.objects.filter(cluster=article.cluster_id, cluster__isnull=False)
        links = [
            (reverse("admin:articles_article_change", args=[other.pk]), other.title)
            for other in others.exclude(pk=article.pk).only("title").order_by("first_seen_at")
        ]
        return format_html_join(" · ", '<a href="{}">{}</a>', links) or "–"

    # Translators: Woran der Artikel wiedererkannt wird, etwa an seiner Adresse
    @admin.display(description=_("recognised by"))
    def known_by(self, article: Article) -> str:
        return article.identity

    def get_queryset(self, request: HttpRequest) -> QuerySet[Article]:
        found = super().get_queryset(request)
        # Lists do without the long text.
        return (
            found.defer("body_html")
            if request.resolver_match and request.resolver_match.url_name == "articles_article_changelist"
            else found
        )

    def save_model(self, request: HttpRequest, obj: Article, form: Any, change: bool) -> None:
        at = now()
        if not change:
            obj.identity = f"desk:{obj.slug}"
            obj.first_seen_at = at
        obj.body_html = text.clean_html(obj.body_html)
        obj.headings = text.headings(obj.body_html)
        obj.words = text.words(text.plain(obj.body_html)) or obj.words
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        if formset.model is Correction:
            at = now()
            for each in formset.forms:
                if each.instance.pk is None:
                    each.instance.made_at, each.instance.made_by = at, request.user.get_username()
        super().save_formset(request, form, formset, change)

    @admin.action(description=_("Withdraw the selected articles …"), permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Article]) -> HttpResponse | None:
        """Ask for the reason, then take them off the site and out of future digests."""
        form = WithdrawForm(request.POST if "reason" in request.POST else None)
        if form.is_valid():
            at = now()
            articles = list(queryset)
            for article in articles:
                publishing.withdraw(article, because=form.cleaned_data["reason"], at=at)
                # Translators: Zurückgezogen: %(reason)s
                self.log_change(request, article, gettext("Withdrawn: %(reason)s") % form.cleaned_data)
            self._say(
                request,
                ngettext("%d article withdrawn.", "%d articles withdrawn.", len(articles)),
                len(articles),
            )
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Withdraw articles"),
            "articles": queryset,
            "form": form,
            "opts": self.model._meta,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/articles/article/withdraw.html", context)

    @admin.action(description=_("Publish the selected articles again"), permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Article]) -> None:
        articles = list(queryset.filter(withdrawn_at__isnull=False))
        for article in articles:
            publishing.restore(article)
            # Translators: Wieder veröffentlicht.
            self.log_change(request, article, gettext("Published again."))
        self._say(
            request,
            ngettext("%d article published again.", "%d articles published again.", len(articles)),
            len(articles),
        )

    @admin.action(description=_("Mark the selected submissions as reviewed"), permissions=["change"])
    def mark_reviewed(self, request: HttpRequest, queryset: QuerySet[Article]) -> None:
        unreviewed = [Review.UNREVIEWED, Review.NOT_NEEDED]
        articles = list(queryset.filter(origin=Origin.USER_SUBMISSION, review__in=unreviewed))
        for article in articles:
            publishing.mark_reviewed(article)
            # Translators: Geprüft.
            self.log_change(request, article, gettext("Reviewed."))
        self._say(
            request, ngettext("%d submission marked.", "%d submissions marked.", len(articles)), len(articles)
        )

    @admin.action(description=_("The selected articles tell of one event"), permissions=["change"])
    def tell_of_one_event(self, request: HttpRequest, queryset: QuerySet[Article]) -> None:
        articles = list(queryset)
        try:
            clustering.merge(articles, by=request.user.get_username(), at=now())
        except ClusterError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        for article in articles:
            # Translators: Mit anderen Artikeln über dasselbe Ereignis zusammengefasst.
            self.log_change(request, article, gettext("Put together with other articles of the same event."))
        self._say(
            request,
            ngettext("%d article put together.", "%d articles put together.", len(articles)),
            len(articles),
        )

    @admin.action(description=_("The selected articles tell of something else"), permissions=["change"])
    def tell_of_something_else(self, request: HttpRequest, queryset: QuerySet[Article]) -> None:
        parted = 0
        for article in queryset:
            try:
                clustering.split_off(article, by=request.user.get_username(), at=now())
            except ClusterError as error:
                self.message_user(request, str(error), messages.WARNING)
                continue
            # Translators: Von den Artikeln über ein anderes Ereignis getrennt.
            self.log_change(request, article, gettext("Parted from the articles of another event."))
            parted += 1
        self._say(request, ngettext("%d article parted.", "%d articles parted.", parted), parted)

    def _say(self, request: HttpRequest, message: str, number: int) -> None:
        self.message_user(request, message % number, messages.SUCCESS if number else messages.WARNING)


@admin.register(Author)
class AuthorAdmin(admin.ModelAdmin[Author]):
    list_display = ["name", "role_de", "role_en", "contact"]
    search_fields = ["name"]
    prepopulated_fields = {"slug": ["name"]}
    autocomplete_fields = ["portrait"]
    fieldsets = [
        (None, {"fields": ["name", "slug", "contact"]}),
        (
            _("Portrait"),
            {
                "fields": ["portrait"],
                "description": _(
                    "Stands on the author's page, and small beside each note to readers that is signed with this name. Alternative text and credit are those of the picture."
                ),
            },
        ),
        (_("German"), {"fields": ["role_de", "bio_de"]}),
        (_("English"), {"fields": ["role_en", "bio_en"]}),
    ]


@admin.register(Section)
class SectionAdmin(admin.ModelAdmin[Section]):
    list_display = ["name_de", "name_en", "slug", "position"]
    list_editable = ["position"]
    search_fields = ["name_de", "name_en", "slug"]
    prepopulated_fields = {"slug": ["name_de"]}


@admin.register(Picture)
class PictureAdmin(admin.ModelAdmin[Picture]):
    form = PictureForm
    list_display = ["thumbnail", "alt", "credit", "digital_source", "withdrawn_at"]
    list_display_links = ["thumbnail", "alt"]
    list_filter = ["digital_source", ("withdrawn_at", admin.EmptyFieldListFilter)]
    search_fields = ["alt", "credit"]
    readonly_fields = ["thumbnail", "width", "height"]
    ordering = ["-id"]
    fieldsets = [
        (
            None,
            {
                "fields": ["thumbnail", "file", "alt", "credit", "digital_source"],
                "description": _("How a picture was made is read from the picture itself if it says so."),
            },
        ),
        (
            _("Source and withdrawal"),
            {
                "fields": ["source_url", "withdrawn_at", "width", "height"],
                "description": _(
                    "A withdrawn picture is replaced by a neutral one within five minutes, in mails already sent too."
                ),
            },
        ),
    ]

    @admin.display(description=_("picture"))
    def thumbnail(self, picture: Picture) -> str:
        if not picture.file:
            return "–"
        return format_html('<img src="{}" alt="{}" width="96">', picture.file.url, picture.alt)


@admin.register(Feed)
class FeedAdmin(admin.ModelAdmin[Feed]):
    list_display = [
        "__str__",
        "is_active",
        "rights",
        "last_good_at",
        "next_check_at",
        "failures",
        "last_error",
    ]
    list_filter = ["is_active", "rights", "origin", ("gone_at", admin.EmptyFieldListFilter)]
    list_select_related = ["section"]
    search_fields = ["title", "url"]
    autocomplete_fields = ["section"]
    readonly_fields = [
        "last_checked_at",
        "last_good_at",
        "next_check_at",
        "failures",
        "last_error",
        "gone_at",
    ]
    actions = ["check_now"]
    fieldsets = [
        (None, {"fields": ["url", "title", "language", "section"]}),
        (
            _("Rights"),
            {
                "fields": ["rights", "origin", "rights_contact", "picture_credit"],
                "description": _(
                    "What the source lets you show. Where you narrow it, what is no longer covered is removed at once."
                ),
            },
        ),
        (
            _("Checking"),
            {
                "fields": [
                    "is_active", "interval_minutes", "last_checked_at", "last_good_at", "next_check_at", "failures",
                    "last_error", "gone_at",
                ],
                "description": _("After a failure the gap doubles, at most to a day; a source that is gone is left alone."),
            },
        ),
    ]  # fmt: skip

    def save_model(self, request: HttpRequest, obj: Feed, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "rights" in form.changed_data:
            feeds.apply_rights(obj)

    @admin.action(description=_("Check the selected feeds now"), permissions=["change"])
    def check_now(self, request: HttpRequest, queryset: QuerySet[Feed]) -> None:
        at = now()
        found = list(queryset)
        for feed in found:
            feeds.check_soon(feed, at=at)
        message = ngettext(
            "%d feed will be checked in a moment.", "%d feeds will be checked in a moment.", len(found)
        )
        self.message_user(request, message % len(found), messages.SUCCESS)
