"""A run that is killed again and again gives what an undisturbed one gives."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.driver import iterate

KILLS = 20


@pytest.mark.slow
def test_twenty_kills_at_random_moments(
    configure: Callable[..., IterateConfig],
    project: Path,
    results: Callable[[Path], dict[str, Any]],
    fake_run: ModuleType,
) -> None:
    slow = "overrides: [fake.seconds=0.05]"
    config_file = project / "run.yaml"
    config_file.write_text(config_file.read_text().replace("init: previous", f"init: previous, {slow}"))
    iterate(configure(), actions=fake_run.FAKES)
    whole = results(project / "run")
    shutil.rmtree(project / "run")
    generator = random.Random(1)
    kills = 0
    while kills < KILLS:
        driver = fake_run.start_driver(config_file)
        try:
            assert driver.wait(generator.uniform(0.3, 1.2)) == 0
            assert results(project / "run") == whole
            shutil.rmtree(project / "run")  # it came to its end before it was killed: begin once more
        except subprocess.TimeoutExpired:
            driver.send_signal(signal.SIGKILL)
            driver.wait()
            kills += 1
    assert fake_run.start_driver(config_file).wait() == 0
    assert results(project / "run") == whole
