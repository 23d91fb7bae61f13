"""Mutated mails, servers and orders until time is up: python tests/fuzz/run.py --help."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz.course import main  # found only from there

if __name__ == "__main__":
    sys.exit(main())
