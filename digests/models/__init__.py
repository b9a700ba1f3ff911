"""Records of digests, by subject: plans, digests and their picks, proofs, mailings and links, the desk."""

from digests.models.desk import Colleague, NewsletterAccess, Presence, SavedFilter
from digests.models.digests import Digest, DigestQuerySet, DigestVersion, Mark, Pick
from digests.models.link_checks import LinkCheck
from digests.models.mailings import DigestMailing, Link, LinkCount
from digests.models.plans import Plan, SlotRule
from digests.models.proofs import Approval, CorrectionMail, Proof, ProofRendition

__all__ = [
    "Approval",
    "Colleague",
    "CorrectionMail",
    "Digest",
    "DigestMailing",
    "DigestQuerySet",
    "DigestVersion",
    "Link",
    "LinkCheck",
    "LinkCount",
    "Mark",
    "NewsletterAccess",
    "Pick",
    "Plan",
    "Presence",
    "Proof",
    "ProofRendition",
    "SavedFilter",
    "SlotRule",
]
