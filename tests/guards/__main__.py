"""`make guards`: prints one line per guard; exit 1 if a guard can be broken without its test turning red."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.guards.table import GUARDS, Guard

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "digests", "newsroom", "subscriptions", "templates", "static", "locale", "seeds", "tests", "manage.py",
    "pyproject.toml",
)  # fmt: skip
FELL = 1
"""pytest: tests were run, and some failed. Anything else (not found, not importable) is no proof."""


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="newsroom-guards-") as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "node_modules")
                shutil.copytree(source, copy / name, ignore=ignored)
            else:
                shutil.copy(source, copy / name)
        standing = [guard for guard in GUARDS if not falls(guard, copy)]
    print(f"{len(GUARDS) - len(standing)} of {len(GUARDS)} guards are held by their tests.")
    return 1 if standing else 0


def falls(guard: Guard, copy: Path) -> bool:
    """Break the guard, run its test, mend the guard. Whether the test is green whole and red broken."""
    file = copy / guard.file
    whole = file.read_text()
    if whole.count(guard.before) != 1:
        print(f"?      {guard.name}: {guard.file} no longer has what is to be broken", flush=True)
        return False
    was_green = _run(guard.test, copy) == 0
    file.write_text(whole.replace(guard.before, guard.after))
    try:
        is_red = _run(guard.test, copy) == FELL
    finally:
        file.write_text(whole)
    verdict = "red" if was_green and is_red else "never green" if not was_green else "STANDS"
    print(f"{verdict:6} {guard.name}: {guard.test_name}", flush=True)
    return was_green and is_red


def _run(test: str, copy: Path) -> int:
    words = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-x", "-p", "no:cacheprovider", test]
    return subprocess.run(words, cwd=copy, capture_output=True, timeout=300, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
