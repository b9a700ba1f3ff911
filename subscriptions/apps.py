from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SubscriptionsConfig(AppConfig):
    name = "subscriptions"
    verbose_name = _("Readers and newsletters")

    def ready(self) -> None:
        from subscriptions import checks  # noqa: F401
