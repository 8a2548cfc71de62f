"""``python benchmarks/study`` and ``python -m benchmarks.study``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from study.command import main

if __name__ == "__main__":
    main()
