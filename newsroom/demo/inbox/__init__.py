"""The demo's inbox: an SMTP server that keeps every mail, and a page on which a person reads them.

    python -m newsroom.demo.inbox --smtp-port 2525 --http-port 8025 --directory var/demo/inbox

For one machine and one person: it listens on the loopback address, asks for no password and forwards nothing.
Words: *mailbox* (the mails on disk, with their index), *pages* (what a browser sees), *server* (what answers a browser).
"""
