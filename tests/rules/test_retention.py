"""Every table either has a job that lets old rows go, or a stated reason why they stay."""

from collections.abc import Iterable, Iterator, Mapping

from django.apps import apps
from django.conf import settings
from django.db.models import GenericIPAddressField, Model

from tests.rules.source import hold

# By task of the beat: what it lets go, with what hangs on these rows. How long, and that it does, hold the jobs' own tests.
JOBS: Mapping[str, str] = {
    "subscriptions.tidy": (
        "mail.Letter mail.ProviderEvent mail.Incident subscriptions.Confirmation subscriptions.Confirmation_subscriptions"
        " subscriptions.SignUpRequest subscriptions.LinkRequest subscriptions.AddressChange subscriptions.ConsentEvent"
        " subscriptions.SoftBounces subscriptions.SubscriberImportPart"
    ),
    "delivery.forget_old": "delivery.Delivery delivery.Batch delivery.Attempt",
    "digests.forget_clicks": "digests.LinkCount digests.Presence",
    "digests.look_at_links": "digests.LinkCheck",
    "digests.tidy": (
        "axes.AccessAttempt axes.AccessAttemptExpiration axes.AccessFailureLog axes.AccessLog sessions.Session"
    ),
}
# Why no job deletes rows, and of which tables.
STAYS: Mapping[str, str] = {
    "emptied of the person by subscriptions.tidy; the number stays, so that old links lead somewhere": (
        "subscriptions.Subscriber subscriptions.Subscription"
    ),
    "a keyed hash whose purpose is to stop mail for good": "subscriptions.Suppression",
    "the journal of what was taken in and on which legal basis, without readers' lines": "subscriptions.SubscriberImport",
    "who on staff did and decided what: the account of each mailing names them, and the database lets nobody change it": (
        "admin.LogEntry digests.Approval digests.DigestVersion"
    ),
    "an account of staff, switched off and not deleted because the log names it; its devices go with a reset": (
        "auth.User auth.User_groups auth.User_user_permissions digests.NewsletterAccess digests.Colleague"
        " digests.SavedFilter otp_totp.TOTPDevice otp_static.StaticDevice otp_static.StaticToken"
    ),
    "as many rows as there are permissions, groups and kinds of record": (
        "auth.Permission auth.Group auth.Group_permissions contenttypes.ContentType"
    ),
    "one row for each worker, job and provider, and one for each day and provider with a daily quota": (
        "mail.Heartbeat delivery.ProviderState delivery.QuotaDay"
    ),
    "set up by the newsroom, as many as it has": (
        "subscriptions.Sender subscriptions.Newsletter digests.Plan digests.Plan_favoured_sections"
        " digests.Plan_trusted_feeds digests.SlotRule articles.Section articles.Feed articles.ApiToken"
    ),
    "what the newsroom published and wrote, as long as it wants it read, and what that resembles": (
        "articles.Author articles.Picture articles.Article articles.Article_related articles.Byline articles.Cluster"
        " articles.ArticleFingerprint articles.ClusterDecision articles.FormerVersion articles.Correction digests.Digest digests.Pick digests.Mark"
        " digests.Proof digests.ProofRendition digests.Link digests.CorrectionMail delivery.Rendition"
    ),
    "the account of a mailing, which outlives its copies": (
        "digests.DigestMailing delivery.Mailing delivery.MailingRendition"
    ),
    "the next call with the same token lets the old ones go": "articles.Receipt",
}


def undecided(
    models: Iterable[type[Model]], jobs: Mapping[str, str], stays: Mapping[str, str]
) -> Iterator[str]:
    """Tables nobody decided about, or twice; decisions about none; network addresses that no job lets go."""
    goes = " ".join(jobs.values()).split()
    said = [*goes, *" ".join(stays.values()).split()]
    known = {model._meta.label: model for model in models}
    for label, model in known.items():
        if said.count(label) != 1:
            yield f"{label} must stand in this file once: let old rows go by a job, or say why they stay."
        if label not in goes and any(isinstance(each, GenericIPAddressField) for each in model._meta.fields):
            yield f"{label} keeps network addresses, and no job lets them go."
    yield from (
        f"{label} is decided about, and there is no such table." for label in said if label not in known
    )


def idle(jobs: Iterable[str], scheduled: Iterable[str]) -> Iterator[str]:
    """Jobs of this file that the beat does not start."""
    yield from (f"The beat does not start {job}." for job in sorted(set(jobs) - set(scheduled)))


def test_every_table_has_a_job_or_a_reason() -> None:
    hold(undecided(apps.get_models(include_auto_created=True), JOBS, STAYS))


def test_every_job_is_started_by_the_beat() -> None:
    hold(idle(JOBS, (str(entry["task"]) for entry in settings.CELERY_BEAT_SCHEDULE.values())))


def test_a_table_without_a_decision_is_seen() -> None:
    models = [apps.get_model(label) for label in ("axes.AccessLog", "mail.Letter", "mail.Heartbeat")]

    found = list(undecided(models, {"tidy": "mail.Letter mail.Gone"}, {"few": "axes.AccessLog mail.Letter"}))

    assert found == [
        "axes.AccessLog keeps network addresses, and no job lets them go.",
        "mail.Letter must stand in this file once: let old rows go by a job, or say why they stay.",
        "mail.Heartbeat must stand in this file once: let old rows go by a job, or say why they stay.",
        "mail.Gone is decided about, and there is no such table.",
    ]


def test_a_job_that_nobody_starts_is_seen() -> None:
    assert list(idle(["tidy", "sleep"], ["tidy", "send"])) == ["The beat does not start sleep."]
