"""Starts the simulator: a mail server and three providers' HTTP interfaces that take mail and do as the script says.

    python -m newsroom.sandbox --script '{"rules": [{"chance": 0.2, "act": "cut"}]}'

Nothing leaves this machine. What it took stands in the record, one JSON line per call.
"""

import argparse
import signal
import sys
import threading
from pathlib import Path

from newsroom.sandbox import script as scripts
from newsroom.sandbox.http_server import HttpServer
from newsroom.sandbox.record import Record
from newsroom.sandbox.script import BadScript, Script
from newsroom.sandbox.smtp_server import SmtpServer, serve
from newsroom.sandbox.webhooks import Emitter

HOST = "127.0.0.1"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m newsroom.sandbox", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--smtp-port", type=int, default=2525)
    parser.add_argument("--http-port", type=int, default=8525)
    parser.add_argument("--record", type=Path, default=Path("var/sandbox.jsonl"))
    parser.add_argument("--script", default="{}", help="a file, or the JSON itself")
    options = parser.parse_args()
    try:
        script = Script(scripts.read(options.script))
        options.record.parent.mkdir(parents=True, exist_ok=True)
        record = Record(options.record)
        emitter = Emitter()
        emitter.configure(script.webhooks)
        http = HttpServer((HOST, options.http_port), script, record, emitter)
        smtp = SmtpServer((HOST, options.smtp_port), script, record)
    except (BadScript, OSError) as error:
        print(f"The sandbox cannot start: {error}", file=sys.stderr)
        return 1
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    serve(http)
    serve(smtp)
    print(_words(options.smtp_port, options.http_port, options.record), flush=True)
    ended.wait()
    return 0


def _words(smtp_port: int, http_port: int, record: Path) -> str:
    base = f"http://{HOST}:{http_port}"
    return f"""Mail is taken and goes nowhere; the record is {record}. One of these lines makes Newsroom use it:

  MAIL_PROVIDERS="main=smtp://{HOST}:{smtp_port}?tls=off"
  MAIL_PROVIDERS="main=mailgun://KEY@mg.example.org?api_url={base}"
  MAIL_PROVIDERS="main=postmark://TOKEN@?api_url={base}"
  MAIL_PROVIDERS="main=resend://KEY@?api_url={base}"

New rules for the calls to come, as newsroom/sandbox/script.py describes them:

  curl -T script.json {base}/sandbox/script"""


if __name__ == "__main__":
    sys.exit(main())
