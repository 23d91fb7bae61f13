"""Kill mailgate at random moments and account for every mail: python tests/crash/run.py --help."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from crash.hunt import main  # found only from there

if __name__ == "__main__":
    sys.exit(main())
