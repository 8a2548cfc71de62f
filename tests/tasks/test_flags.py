"""Every option of what the plugin registers is a flag of fairseq-train, and its value arrives."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any, List, Optional  # noqa: UP035 (the forms that fairseq knows)

import pytest
from fairseq import options
from fairseq.criterions import CRITERION_DATACLASS_REGISTRY
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.models import MODEL_DATACLASS_REGISTRY
from fairseq.tasks import TASK_DATACLASS_REGISTRY

import xlpl_plugin.registry  # noqa: F401


def ours(registry: dict[str, type]) -> list[str]:
    return sorted(name for name in registry if name.startswith("xlpl_"))


def parse(*words: str) -> Any:
    return convert_namespace_to_omegaconf(options.parse_args_and_arch(options.get_training_parser(), list(words)))


def value_for(option: Field[Any], number: int) -> tuple[list[str], Any]:
    """A value of the option's type that no other option has, as the words of its flag and as it should arrive."""
    if option.type in (bool, Optional[bool]):  # noqa: UP045
        # an option that the flag of another part of the configuration sets is off there
        return [], not option.default if isinstance(option.default, bool) else True
    written: dict[Any, tuple[str, Any]] = {
        int: (str(number), number),
        float: (f"{number}.5", number + 0.5),
        str: (f"/a folder/it's {number}", f"/a folder/it's {number}"),
        Optional[str]: (f"/some/{number}.pt", f"/some/{number}.pt"),  # noqa: UP045
        Optional[float]: (f"{number}.5", number + 0.5),  # noqa: UP045
        List[str]: (f'["/some/{number}", "b"]', [f"/some/{number}", "b"]),  # noqa: UP006
        List[float]: (f"[{number}, 0.5]", [float(number), 0.5]),  # noqa: UP006
    }
    word, value = written[option.type]
    return [word], value


@pytest.mark.parametrize("task", ours(TASK_DATACLASS_REGISTRY))
@pytest.mark.parametrize("criterion", ours(CRITERION_DATACLASS_REGISTRY))
@pytest.mark.parametrize("model", ours(MODEL_DATACLASS_REGISTRY))
def test_every_option_is_a_flag(task: str, criterion: str, model: str) -> None:
    parts = {
        "task": TASK_DATACLASS_REGISTRY[task],
        "criterion": CRITERION_DATACLASS_REGISTRY[criterion],
        "model": MODEL_DATACLASS_REGISTRY[model],
    }
    words = ["/data", "--task", task, "--criterion", criterion, "--arch", model]
    expected: dict[tuple[str, str], Any] = {}
    for part, config in parts.items():
        for option in fields(config):
            if option.name not in ("_name", "data"):
                value, expected[part, option.name] = value_for(option, 11 + len(expected))
                words += ["--" + option.name.replace("_", "-"), *value]
    cfg = parse(*words)
    assert {(part, name): cfg[part][name] for part, name in expected} == expected
    assert cfg.task.data == "/data"


@pytest.mark.parametrize("task", ours(TASK_DATACLASS_REGISTRY))
def test_without_flags_the_defaults_arrive(task: str) -> None:
    cfg = parse("/data", "--task", task, "--criterion", "xlpl_ctc", "--arch", "xlpl_transformer_ctc")
    for option in fields(TASK_DATACLASS_REGISTRY[task]):
        default = option.default if option.default_factory is MISSING else option.default_factory()
        if option.name not in ("_name", "data") and not str(default).startswith("${"):
            assert cfg.task[option.name] == default, option.name
    assert cfg.task.finetune_from_model is None
