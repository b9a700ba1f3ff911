"""What runs by itself for readers. The beat schedule stands in settings."""

import time

from celery import shared_task

from newsroom.mail import retention as mail_retention
from newsroom.web.clock import now
from subscriptions import consent, ended_best_ofs, privacy, queue, retention, settings_links
from subscriptions.transfer import journal

IMPORT_SLICE_SECONDS = 10


@shared_task(name="subscriptions.tidy", soft_time_limit=90, time_limit=120)
def tidy() -> None:
    """Once an hour: what is kept no longer goes, here and in mail. Safe to run twice, and to kill."""
    at = now()
    retention.tidy(at=at)
    mail_retention.tidy(at=at)
    journal.forget_old(at=at)
    # Last, because a new year begins with many of them.
    privacy.forget_ended(at=at)


@shared_task(name="subscriptions.watch_sign_ups")
def watch_sign_ups() -> None:
    """Say how a flood of sign-ups stands, end attack mode when its time is over, compare with what is usual, and note how
    many asked. Safe to run twice."""
    at = now()
    consent.attack.watch(at=at)
    consent.watching.watch(at=at)
    consent.note_asked(at=at)


@shared_task(name="subscriptions.note_letters", soft_time_limit=50, time_limit=60)
def note_letters() -> int:
    """Write into the record which letters to confirm have left. Safe to run twice, and to kill."""
    return consent.note_letters(at=now())


@shared_task(name="subscriptions.send_links", soft_time_limit=90, time_limit=120)
def send_links() -> int:
    """Answer those who asked for the link to their settings, or to move to another address."""
    return settings_links.send_asked() + consent.decide_new_addresses(at=now())


@shared_task(name="subscriptions.decide_sign_ups", soft_time_limit=90, time_limit=120)
def decide_sign_ups() -> int:
    """Decide what readers signed up for, and ask them to confirm it. Safe to run twice, and to kill."""
    return consent.decide_sign_ups()


@shared_task(name="subscriptions.tell_of_ended_best_ofs", soft_time_limit=50, time_limit=60)
def tell_of_ended_best_ofs() -> int:
    """Tell readers of a weekly best-of that it has ended, so many each minute. Safe to run twice, and to kill."""
    return ended_best_ofs.tell_readers(at=now())


@shared_task(name="subscriptions.run_imports", soft_time_limit=90, time_limit=120)
def run_imports() -> int:
    """Work on files of readers for some seconds, then make room for others and go on. Gives the parts done.

    Safe to run twice, and at once: each part is done in one transaction by whoever locks the import first.
    """
    begun, done = time.monotonic(), 0
    for imported in journal.under_way():
        remembered = None
        while time.monotonic() - begun < IMPORT_SLICE_SECONDS:
            remembered = journal.work(imported, at=now(), remembered=remembered)
            if remembered is None:
                break
            done += 1
        else:
            queue.wake_imports()
            break
    return done
