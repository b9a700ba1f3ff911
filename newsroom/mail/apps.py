from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MailConfig(AppConfig):
    name = "newsroom.mail"
    label = "mail"
    verbose_name = _("Mail")

    def ready(self) -> None:
        from prometheus_client import REGISTRY

        from newsroom.mail import checks as checks
        from newsroom.mail import liveness as liveness
        from newsroom.mail.metrics import MailCollector

        REGISTRY.register(MailCollector())
