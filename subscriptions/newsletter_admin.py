"""Newsletters and who sends them, in the admin: nothing goes out before its sender has said what the law asks."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from newsroom.mail.errors import BadAddress
from subscriptions.models import Newsletter, Sender
from subscriptions.publishing import first_list_id, is_own_domain, missing, unsaid
from subscriptions.states import NewsletterState
from subscriptions.views.embedding import link_to_code


class SenderForm(forms.ModelForm[Sender]):
    class Meta:
        model = Sender
        fields = "__all__"  # noqa: DJ007 - the admin shows every field of the record

    def clean_address(self) -> str:
        address = str(self.cleaned_data["address"])
        if not is_own_domain(address):
            # Translators: Bitte eine Adresse unter eigener Domain: Freemail-Anbieter lassen solche Mails zurückweisen (DMARC).
            sentence = _(
                "Please use an address at your own domain: freemail providers have such mail refused (DMARC)."
            )
            raise forms.ValidationError(sentence)
        return address

    def _clean_link(self, name: str) -> str:
        url = str(self.cleaned_data[name]).strip()
        if not url.startswith(("https://", "http://")) and not (url.startswith("/") and url[1:2] != "/"):
            raise forms.ValidationError(_("A full address, or a path on this site that begins with “/”."))
        return url

    def clean_imprint_url(self) -> str:
        return self._clean_link("imprint_url")

    def clean_privacy_url(self) -> str:
        return self._clean_link("privacy_url")


@admin.register(Sender)
class SenderAdmin(admin.ModelAdmin[Sender]):
    form = SenderForm
    list_display = ["name", "address", "legal_name"]


class NewsletterForm(forms.ModelForm[Newsletter]):
    class Meta:
        model = Newsletter
        fields = "__all__"  # noqa: DJ007 - the admin shows every editable field of the record

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        sender = cleaned.get("sender")
        if cleaned.get("state") == NewsletterState.ACTIVE and sender and (lacking := missing(sender)):
            # Translators: Der Newsletter kann nicht aktiv werden, weil beim Absender fehlt: %(lacking)s.
            sentence = _("The newsletter cannot become active: its sender lacks %(lacking)s.")
            self.add_error("state", sentence % {"lacking": ", ".join(lacking)})
        # A draft has sent nothing yet, so no reader's mail program goes by its name.
        is_new = self.instance._state.adding or self.instance.state == NewsletterState.DRAFT
        if is_new and sender and (label := cleaned.get("list_id_label") or self.instance.list_id_label):
            self._name_list(label, sender)
        return dict(cleaned)

    def _name_list(self, label: str, sender: Sender) -> None:
        try:
            self.instance.list_id = first_list_id(label, sender)
        except BadAddress as error:
            self.add_error("list_id_label", str(error))


@admin.register(Newsletter)
class NewsletterAdmin(admin.ModelAdmin[Newsletter]):
    form = NewsletterForm
    list_display = ["name", "state", "takes_sign_ups", "language", "cadence_text", "sender", "position"]
    list_editable = ["takes_sign_ups"]  # all of them in one press, when robots come
    list_filter = ["state", "language"]
    list_select_related = ["sender"]
    prepopulated_fields = {"slug": ["name"], "list_id_label": ["name"]}

    def save_model(self, request: HttpRequest, obj: Newsletter, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.state == NewsletterState.ACTIVE and (silent := unsaid(obj.sender)):
            # Translators: Impressum und Datenschutzerklärung lassen noch offen: %(silent)s. Bitte ergänzen Sie den Absender.
            sentence = _(
                "Imprint and privacy notice still leave open: %(silent)s. Please complete the sender."
            )
            messages.warning(request, sentence % {"silent": ", ".join(silent)})

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        # Mail programs sort by it, and links lead to it: once readers have mail, both stay.
        return ["slug", "list_id_label", "list_id", "embedded"] if obj else []

    @admin.display(description=_("sign-up form for other sites"))
    def embedded(self, obj: Newsletter) -> str:
        return link_to_code(obj)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Model | None = None) -> dict[str, Any]:
        return {} if obj else dict(self.prepopulated_fields)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # retired, not deleted: consent and old links refer to it
