"""How many copies of a mailing go into one call."""

from django.db.models import Max
from django.db.models.functions import Length

from digests.delivery.models import Mailing, ProviderState
from newsroom.mail import providers

_BYTES_BESIDE_BODY = 2_000
_SMALLEST = 10


def batch_size(mailing: Mailing, provider: str) -> int:
    """What the provider takes in one call, less if it once said that this was too much.

    Queries: 3. Raises UnknownProvider.
    """
    can = providers.provider(provider).capabilities
    learned = ProviderState.objects.filter(name=provider).values_list("learned_batch_size", flat=True)
    sizes = [can.batch_size, learned.first() or can.batch_size]
    if not can.one_call_per_reader:
        bodies = mailing.renditions.annotate(size=Length("rendition__html") + Length("rendition__text"))
        largest = bodies.aggregate(most=Max("size"))["most"] or 0
        if can.shared_body_factor:
            sizes.append((can.max_bytes - largest * can.shared_body_factor) // _BYTES_BESIDE_BODY)
        else:
            # These take a whole body per reader, so the largest rendition counts once for each copy.
            sizes.append(can.max_bytes // (largest + _BYTES_BESIDE_BODY))
    if hourly := mailing.newsletter.most_copies_per_hour:
        # A minute's worth, so that a slow newsletter goes out evenly and not in lumps.
        sizes.append(max(hourly // 60, _SMALLEST))
    return max(1, min(sizes))
