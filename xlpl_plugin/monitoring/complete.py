"""What a run knows beside a round's labels: how its model was trained, and what its tuning found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from xlpl_plugin.monitoring.signals import Signals
from xlpl_plugin.monitoring.training_log import read_training_log
from xlpl_plugin.tuning.tune import read_evidence


def complete_signals(signals: Signals, *, log: str | Path | None = None, tuning: str | Path | None = None) -> Signals:
    """Return ``signals`` with losses and evidence.

    Args:
        signals: of a round, as ``measure_labels`` measured them.
        log: train.log of the round's model; None in round 0, whose model learnt from no pseudo-labels.
        tuning: folder that the round's model was tuned in; None where it was not.

    Raises:
        XlplError: a file is missing or broken.
    """
    if log is not None:
        told = read_training_log(log)
        signals = replace(signals, train_loss=told.train[-1][1] if told.train else None)
        if told.valid:
            _, loss, error_rate = told.valid[-1]
            signals = replace(signals, valid_loss=loss, valid_uer=error_rate / 100)
    evidence = read_evidence(tuning) if tuning is not None else None
    if evidence is not None:
        signals = replace(signals, evidence=evidence.gain, evidence_error=evidence.error)
    return signals
