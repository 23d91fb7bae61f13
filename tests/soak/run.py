"""A day of mail in ten minutes, and what it costs: python tests/soak/run.py --help."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from soak.day import main  # found only from there

if __name__ == "__main__":
    sys.exit(main())
