"""A page where whoever sees an article marks it for a newsletter: the desk finds it among its candidates."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from digests import access, marking
from digests.composer import user_of
from digests.errors import MarkRefused
from newsroom.articles.models import Article
from newsroom.web import clock
from subscriptions.models import Newsletter


class MarkForm(forms.Form):
    """Which newsletter should have the article, and why."""

    newsletter = forms.ModelChoiceField(Newsletter.objects.none(), label=gettext_lazy("newsletter"))
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=300,
        help_text=gettext_lazy("What the desk should know: the reason, or the day it is meant for."),
    )


def mark_article(request: HttpRequest, article: int) -> HttpResponse:
    """Mark an article for a newsletter of one's own; a second mark takes the place of the first."""
    if not request.user.has_perm("digests.add_mark"):
        raise PermissionDenied
    chosen = get_object_or_404(Article.objects.defer("body_html"), pk=article)
    newsletters = access.newsletters_of(request.user)
    form = MarkForm(request.POST or None)
    field = form.fields["newsletter"]
    assert isinstance(field, forms.ModelChoiceField)
    field.queryset = marking.newsletters_for(chosen, among=newsletters)
    field.error_messages["invalid_choice"] = MarkRefused.sentence()
    if request.method == "POST" and form.is_valid():
        newsletter = form.cleaned_data["newsletter"]
        marking.mark(chosen, newsletter, note=form.cleaned_data["note"], by=user_of(request), at=clock.now())
        told = {"title": chosen.title, "newsletter": newsletter}
        messages.success(request, _("“%(title)s” is marked for %(newsletter)s.") % told)
        return HttpResponseRedirect(reverse("admin:articles_article_change", args=[chosen.pk]))
    context = {
        **admin.site.each_context(request),
        "title": _("Mark for a newsletter"),
        "article": chosen,
        "opts": Article._meta,
        "form": form,
        "marks": marking.open_marks(newsletters)
        .filter(article=chosen)
        .select_related("newsletter", "marked_by"),
    }
    return TemplateResponse(request, "admin/articles/article/mark.html", context)
