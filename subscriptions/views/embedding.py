"""A sign-up form for other sites, in plain HTML: a page that shows the code, and where that form posts to.

No forgery guard: a form on another site cannot have our cookie, and a forged sign-up does nothing but send the letter
that asks whether it was meant. So nothing is changed for anybody who does not confirm, and all limits hold.
"""

import time

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from newsroom.web.clock import reckoned
from newsroom.web.proxies import client_address
from newsroom.web.stamps import stamp
from subscriptions import signing_up as rules
from subscriptions.errors import Misspelt
from subscriptions.forms import SignupForm, language_code
from subscriptions.models import Newsletter
from subscriptions.other_sites import site_of
from subscriptions.states import NewsletterState
from subscriptions.views.signing_up import again, did_you_mean, lead_on
from subscriptions.wording import BOX, FIRST_BOX, wording


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def embed(request: HttpRequest, slug: str) -> HttpResponse:
    """GET shows the code of the form, for whoever looks after another site; POST is that form, sent by a reader."""
    newsletter = get_object_or_404(Newsletter.objects.active().select_related("sender"), slug=slug)
    if request.method == "POST":
        return _sign_up(request, newsletter)
    language = language_code(newsletter.language)
    context = {
        "newsletter": newsletter,
        "form_url": f"{settings.SITE_URL}{reverse('embed', args=[slug])}",
        "privacy_url": f"{settings.SITE_URL}{reverse('privacy')}",
        "wording": wording(BOX, language, name=newsletter.name),
        "return_sites": sorted(settings.RETURN_SITES),
    }
    with override(language):  # the form speaks to readers, the page around it to whoever copies the code
        context["code"] = (
            render(request, "subscriptions/embedded_form.html", context).content.decode().strip()
        )
    response = render(request, "subscriptions/embed.html", context)
    response["X-Robots-Tag"] = "noindex"
    return response


def link_to_code(newsletter: Newsletter) -> str:
    """For the desk: where the code of the form stands; a newsletter that takes no sign-ups has none."""
    if newsletter.state != NewsletterState.ACTIVE:
        # Translators: Sobald der Newsletter Anmeldungen annimmt.
        return _("As soon as the newsletter takes sign-ups.")
    # Translators: Code zum Einbetten
    return format_html('<a href="{}">{}</a>', reverse("embed", args=[newsletter.slug]), _("Code to embed"))


def _sign_up(request: HttpRequest, newsletter: Newsletter) -> HttpResponse:
    data = request.POST.copy()
    data.setlist("newsletter", [newsletter.slug])
    data["path"] = reverse("embed", args=[newsletter.slug])
    data["site"] = site_of(request.headers.get("Referer", ""))
    data.setdefault("wording", FIRST_BOX)
    data.setdefault("language", newsletter.language)
    # What the reader may have to correct goes on as a form of ours. She has typed already and need not wait again.
    data["started"] = stamp(time.time() - rules.TIME_TO_TYPE.total_seconds())
    form = SignupForm(data, offered=[newsletter] if newsletter.is_offered else [])
    if not form.is_valid():
        return again(request, form, "subscriptions/subscribe.html")
    at = reckoned()
    try:
        rules.take(form.wish(network_address=client_address(request), insists=False), at=at)
    except Misspelt as slip:
        return did_you_mean(request, form, slip.meant)
    return lead_on(form, at=at)
