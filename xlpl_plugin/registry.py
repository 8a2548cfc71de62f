"""Importing this module registers every task, criterion and model of the plugin with fairseq.

fairseq skips the ``tasks`` and ``models`` folders of a ``--user-dir`` package that is already imported, so
nothing may rely on being found there: all of it is listed here.
"""

from __future__ import annotations

import xlpl_plugin.criterions.ctc
import xlpl_plugin.models.checkpoint
import xlpl_plugin.models.transformer_ctc
import xlpl_plugin.tasks.asr
import xlpl_plugin.tasks.continuous  # noqa: F401
