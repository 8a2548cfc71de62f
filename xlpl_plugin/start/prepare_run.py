"""The order of ``xlpl start``: look at what was brought, prepare it, choose sizes, write run.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import write_text
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.start.inputs import Inputs, check_inputs
from xlpl_plugin.start.materials import Materials, Say, prepare_materials
from xlpl_plugin.start.settings import Hardware, Settings, choose_settings
from xlpl_plugin.start.source_model import StudentTraining, student_training
from xlpl_plugin.text.language import find_language
from xlpl_plugin.text.lm import LM_REPORT, LmReport
from xlpl_plugin.text.spelling.phonemes import has_sounds

RUN_FILE, START_FILE, DATA = "run.yaml", "start.json", "data"


@dataclass(frozen=True)
class StartRecord(JsonRecord):
    """``start.json``: what a run was started from."""

    inputs: dict[str, str | list[str] | None]

    holds = "what a run was started from"
    written_by = "`xlpl start`"


def prepare_run(folder: Path, inputs: Inputs, say: Say, hardware: Hardware | None = None) -> Path:
    """Prepare what is not prepared below ``folder``, write ``folder/run.yaml`` and return it.

    An existing run.yaml stays as it is: people edit it.

    Raises:
        XlplError: something brought is missing or unusable, or ``folder`` was started from other things.
    """
    if folder.exists() and not folder.is_dir():
        raise XlplError("is a file", file=folder, expected="a folder for the run, which need not be there yet")
    check_inputs(inputs)
    file = folder / RUN_FILE
    if (advice := _advice(inputs)) and not file.exists():
        say(advice)
    materials = Materials(folder.absolute() / DATA)
    _remember(folder, inputs, materials)
    prepare_materials(inputs, materials, say)
    if file.exists():
        say(f"configuration: {file} is there already and stays as it is")
        return file
    hours = _hours([materials.target], labels=False), _hours(inputs.sources, labels=True)
    settings = choose_settings(*hours, hardware or Hardware.here(), SAMPLE_RATE)
    for reason in settings.reasons:
        say(f"  {reason}")
    write_text(file, _render(folder, inputs, materials, settings))
    say(f"configuration: {file}")
    return file


def _advice(inputs: Inputs) -> str:
    """Return what to think of before hours are spent; '' where there is nothing."""
    language = find_language(inputs.language)
    if inputs.source_model or inputs.speller == "phonemes" or not has_sounds(language.code):
        return ""
    return (
        f"units: letters ({inputs.speller}). espeak-ng knows how {language.name} sounds: with --speller phonemes, here "
        "and where sources are prepared, labels had fewer errors (docs/guide.md)"
    )


def _remember(folder: Path, inputs: Inputs, materials: Materials) -> None:
    """Keep what the run is started from. What nothing was made with yet may be another thing: it was mistyped."""
    values = {
        key: list(map(str, value)) if isinstance(value, tuple) else value and str(value)
        for key, value in asdict(inputs).items()
    }
    before = StartRecord.read_if_there(folder / START_FILE)
    for key, value in values.items():
        former = value if before is None else before.inputs.get(key)
        made = (folder / RUN_FILE).exists() if key.startswith("source") else materials.made_with(key)
        if former != value and made:
            raise XlplError(
                f"was started with {key} {former}, not {value}",
                file=folder / START_FILE,
                expected="the same things as the first time",
                remedy="start in another folder, or remove this one",
            )
    if before is None or before.inputs != values:
        StartRecord(values).write(folder / START_FILE)


def _hours(folders: Iterable[Path], *, labels: bool) -> float:
    return sum(read_manifest(folder, "train", labels=labels).seconds for folder in folders) / 3600


def _render(folder: Path, inputs: Inputs, materials: Materials, settings: Settings) -> str:
    environment = Environment(
        loader=PackageLoader("xlpl_plugin.start", ""), autoescape=False, keep_trailing_newline=True
    )
    sizes = [f"model={settings.model}", f"dataset.max_tokens={settings.max_tokens}"]
    precision = ["common.bf16=true"] if settings.bf16 else []
    student = StudentTraining("train", sizes)
    if inputs.source_model is not None:
        student = student_training(inputs.source_model, settings.max_tokens)
    return environment.get_template("run.yaml.j2").render(
        language=find_language(inputs.language),
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        out=str(folder.absolute() / "rounds"),
        sources=[path.absolute() for path in inputs.sources],
        source_model=inputs.source_model and inputs.source_model.absolute(),
        references=inputs.references,
        materials=materials,
        lm=materials.lm / LmReport.read(materials.lm / LM_REPORT).model,
        letters=materials.letters / LmReport.read(materials.letters / LM_REPORT).model,
        settings=settings,
        overrides=[*sizes, *precision],
        student=student._replace(overrides=[*student.overrides, *precision], lr=student.lr or settings.student_lr),
    )
