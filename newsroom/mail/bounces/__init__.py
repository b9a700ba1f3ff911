"""What mail servers send back to the sender: bounces, delays, complaints, and what only looks like them.

`read` never raises: a mailbox is open to the world, and what it holds is data, not trust. Whether a report is about
a copy of ours is decided by the token in it, and by who stores it.
"""

from newsroom.mail.bounces.reading import read as read
from newsroom.mail.bounces.reports import Kind as Kind
from newsroom.mail.bounces.reports import Reason as Reason
from newsroom.mail.bounces.reports import Report as Report
