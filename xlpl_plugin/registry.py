"""Importing this module registers every task, criterion and model of the plugin with fairseq.

fairseq skips the ``tasks`` and ``models`` folders of a ``--user-dir`` package that is already imported, so
nothing may rely on being found there: all of it is listed here.
"""

from __future__ import annotations

from argparse import Namespace

import torch
from fairseq.data import Dictionary

import xlpl_plugin.criterions.ctc
import xlpl_plugin.models.transformer_ctc
import xlpl_plugin.tasks.asr  # noqa: F401

# torch.load(weights_only=True) accepts no class that is not listed. These two hold plain data; without them
# fairseq can neither resume nor validate nor generate from its own checkpoints.
torch.serialization.add_safe_globals([Dictionary, Namespace])
