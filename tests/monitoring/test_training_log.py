"""Losses over updates from logs as fairseq writes them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.monitoring.training_log import TrainingLog, read_training_log

START = "[2026-11-22 20:18:22][fairseq_cli.train][INFO] - training on 1 devices (GPUs/TPUs)"
NOISE = "[2026-11-22 20:18:14][fairseq_cli.train][INFO] - {'model': {'_name': 'xlpl_transformer_ctc'}, 'loss': None}"
DONE = "[2026-11-22 20:19:50][fairseq_cli.train][INFO] - done training in {} seconds"


def inner(update: int, loss: str, wall: int) -> str:
    return (
        f'[2026-11-22 20:18:28][train_inner][INFO] - {{"epoch": 1, "update": 0.339, "loss": "{loss}", '
        f'"num_updates": "{update}", "train_wall": "{wall // 2}", "wall": "{wall}"}}'
    )


def continuous(update: int, loss: str, **told: str) -> str:
    more = "".join(f', "{key}": "{value}"' for key, value in told.items())
    return inner(update, loss, update).replace(', "num_updates"', f'{more}, "num_updates"')


def valid(update: int, loss: str, rate: str) -> str:
    return (
        f'[2026-11-22 20:18:54][valid][INFO] - {{"epoch": 1, "valid_loss": "{loss}", "valid_uer": "{rate}", '
        f'"valid_wer": "90.385", "valid_num_updates": "{update}"}}'
    )


def epoch(update: int, loss: str, wall: int) -> str:
    return (
        f'[2026-11-22 20:18:54][train][INFO] - {{"epoch": 1, "train_loss": "{loss}", '
        f'"train_num_updates": "{update}", "train_train_wall": "1", "train_wall": "{wall}"}}'
    )


def read(folder: Path, *lines: str) -> TrainingLog:
    (folder / "train.log").write_text("".join(f"{line}\n" for line in lines))
    return read_training_log(folder / "train.log")


def test_training_in_one_piece(tmp_path: Path) -> None:
    lines = (NOISE, START, inner(20, "7.5", 14), valid(30, "3.75", "82.5"), epoch(30, "7.0", 20), inner(40, "4.25", 25))
    assert read(tmp_path, *lines) == TrainingLog(40, ((20, 7.5), (40, 4.25)), ((30, 3.75, 82.5),), 25.0)
    assert read(tmp_path, *lines, DONE.format("27.5")).train_seconds == 27.5


def test_resumed_training_counts_later_lines_and_all_time(tmp_path: Path) -> None:
    first = (START, inner(20, "7.5", 14), inner(40, "9.0", 25), valid(40, "8.0", "99.0"), '[train_inner] - {"loss": "3')
    second = (START, inner(40, "4.25", 30), valid(40, "3.75", "82.5"), inner(60, "4.0", 41), DONE.format("42.0"))
    expected = TrainingLog(60, ((20, 7.5), (40, 4.25), (60, 4.0)), ((40, 3.75, 82.5),), 25.0 + 42.0)
    assert read(tmp_path, *first, *second) == expected


def test_short_training_has_its_epochs_alone(tmp_path: Path) -> None:
    log = read(tmp_path, START, epoch(7, "9.65", 3), epoch(12, "8.982", 4))
    assert log == TrainingLog(12, ((7, 9.65), (12, 8.982)), (), 4.0)


def test_curves_of_continuous_labels_have_points_where_a_window_had_a_value(tmp_path: Path) -> None:
    lines = (
        continuous(20, "3.0", loss_labelled="3.0"),
        continuous(40, "2.5", loss_labelled="2.75", loss_unlabelled="2.25", cache_age="7.5", replaced="2"),
        continuous(60, "2.0", loss_unlabelled="2.0", pl_blank="61.5", pl_length="9.1", pl_letters="26", pl_churn="nan"),
        valid(60, "3.75", "82.5"),
    )
    log = read(tmp_path, START, *lines)
    assert log.train == ((20, 3.0), (40, 2.5), (60, 2.0))
    assert math.isnan(log.continuous["pl_churn"][0][1])
    assert {key: points for key, points in log.continuous.items() if key != "pl_churn"} == {
        "loss_labelled": ((20, 3.0), (40, 2.75)),
        "loss_unlabelled": ((40, 2.25), (60, 2.0)),
        "cache_age": ((40, 7.5),),
        "replaced": ((40, 2.0),),
        "pl_blank": ((60, 61.5),),
        "pl_length": ((60, 9.1),),
        "pl_letters": ((60, 26.0),),
    }


def test_resumed_training_forgets_what_its_updates_were_logged_with_before(tmp_path: Path) -> None:
    first = (START, continuous(20, "3.0", loss_labelled="3.0", replaced="1"), continuous(40, "9.0", pl_churn="50"))
    second = (START, continuous(40, "2.5", replaced="3"))
    expected = {"loss_labelled": ((20, 3.0),), "replaced": ((20, 1.0), (40, 3.0))}
    assert read(tmp_path, *first, *second).continuous == expected


def test_ordinary_training_has_no_curves_of_continuous_labels(tmp_path: Path) -> None:
    assert read(tmp_path, inner(20, "3.0", 1), epoch(20, "3.0", 1)).continuous == {}


def test_losses_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    log = read(tmp_path, inner(20, "nan", 1), valid(20, "inf", "100"))
    assert math.isnan(log.train[0][1])
    assert log.valid == ((20, math.inf, 100.0),)


def test_log_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_bytes(b"\xff\xfe killed before it learnt\n")
    assert read_training_log(tmp_path / "train.log") == TrainingLog(0, (), (), 0.0)
    with pytest.raises(XlplError, match=r"train\.log of a training"):
        read_training_log(tmp_path / "none.log")
