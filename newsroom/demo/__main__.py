"""`make demo`: runs the whole job on this machine, says where to look, and leaves nothing behind when it ends.

Articles come in, readers subscribe, an editor builds and proofs, a second one approves, workers send over SMTP into
a local inbox, and every copy is accounted for. `--once` does it, prints one line of JSON and ends.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from newsroom.demo import stage
from newsroom.demo.broker import BrokerMissing
from newsroom.demo.processes import ProcessError, Supervisor, interruptible

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m newsroom.demo", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--once", action="store_true", help="do the whole job once, print one line of JSON, end"
    )
    parser.add_argument(
        "--directory",
        type=Path,
        default=ROOT / "var" / "demo",
        help="emptied, then filled (default: var/demo)",
    )
    options = parser.parse_args()
    began = time.monotonic()
    try:
        with interruptible(), Supervisor() as supervisor:
            return _run(supervisor, options.directory.resolve(), once=options.once, began=began)
    except (ProcessError, BrokerMissing) as error:
        print(f"The demo cannot go on: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(
            f"The demo cannot go on: {' '.join(error.cmd[-2:])} failed.\n{error.output or ''}",
            file=sys.stderr,
        )
        return 1


def _run(supervisor: Supervisor, directory: Path, *, once: bool, began: float) -> int:
    house = stage.prepare(supervisor, ROOT, directory)
    os.environ.update(house.environment)
    say = _teller(began)
    say("An empty database, an embedded broker, a local inbox")
    for command in (["migrate", "--verbosity", "0"], ["collectstatic", "--noinput", "--verbosity", "0"]):
        subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT, env=house.environment, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    stage.open_house(supervisor, house, ROOT)
    say("Site, two workers and beat are up")

    # Only now, because settings read the environment when they are first imported.
    from newsroom.demo import story

    try:
        result = story.play(house, supervisor, say=say)
    except story.StoryFailed as error:
        print(f"The demo stopped: {error}", file=sys.stderr)
        return 1
    result["seconds"] = round(time.monotonic() - began, 1)
    if not once:
        _show(house)
        facts = {
            "site": house.site_url,
            "inbox": house.inbox_url,
            "address_key": house.environment["ADDRESS_KEY"],
        }
        (directory / "house.json").write_text(json.dumps(facts))
        supervisor.watch()
    print(json.dumps(result), flush=True)
    return 0


def _teller(began: float) -> Callable[[str], None]:
    def say(sentence: str) -> None:
        print(f"{time.monotonic() - began:5.1f} s  {sentence}", flush=True)

    return say


def _show(house: stage.Stage) -> None:
    print(
        f"""
  Site     {house.site_url}/
  Archive  {house.site_url}/newsletters/wirtschaft-technik/
  Admin    {house.site_url}/admin/    jonas (desk), aylin (approves), rui (runs it); password {stage.PASSWORD}
  Inbox    {house.inbox_url}/
  Logs     {house.directory / "logs"}/

  Ctrl-C ends it.
""",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
