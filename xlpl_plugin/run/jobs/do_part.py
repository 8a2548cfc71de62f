"""What a job starts: ``python -m xlpl_plugin.run.jobs.do_part STEP.json PART OUTCOME.json``."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors.child_process import die_with_parent
from xlpl_plugin.executors.work import JobOutcome


def main(arguments: Sequence[str]) -> int:
    """Do a part of a step and write how that ended; return the exit status.

    An ``XlplError`` would be met again; after anything else, such as a GPU that is lost, the part may be sent again.
    """
    file, part, outcome = Path(arguments[0]), int(arguments[1]), Path(arguments[2])
    die_with_parent()
    try:
        ended = JobOutcome(told=_do(file, part))
    except XlplError as error:
        print(error, file=sys.stderr)
        ended = JobOutcome(error=str(error))
    except Exception as error:
        traceback.print_exc()
        ended = JobOutcome(failure=f"{type(error).__name__}: {error}")
    ended.write(outcome)
    return 0 if ended.done else 1


def _do(file: Path, part: int) -> str:
    from xlpl_plugin.run.jobs.step_file import StepFile

    step = StepFile.read(file)
    os.environ.setdefault("OMP_NUM_THREADS", str(step.workers))  # of the node's CPUs the job has these alone
    return step.do(part, file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
