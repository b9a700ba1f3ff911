"""Pages for readers. GET and HEAD change nothing anywhere: mail scanners follow every link of a mail."""
