"""Starts the inbox and keeps it until it is told to end."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from newsroom.demo.inbox.mailbox import Mailbox
from newsroom.demo.inbox.server import PageServer
from newsroom.demo.inbox.smtp import HOST, smtp_server


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m newsroom.demo.inbox", description=__doc__)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True, help="where mails are kept")
    options = parser.parse_args()

    mailbox = Mailbox(options.directory)
    smtp = smtp_server(mailbox, options.smtp_port)
    try:
        page_server = PageServer(mailbox, options.http_port)
        smtp.start()
    except OSError as error:
        print(f"The inbox cannot open its ports: {error}", file=sys.stderr)
        return 1

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    threading.Thread(target=page_server.serve_forever, daemon=True).start()
    print(f"SMTP on {HOST}:{options.smtp_port}, pages on http://{HOST}:{options.http_port}/", flush=True)
    ended.wait()
    page_server.shutdown()
    smtp.stop()
    mailbox.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
