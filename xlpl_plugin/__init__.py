"""Unsupervised speech recognition by cross-lingual pseudo-labelling: a plugin of fairseq and the ``xlpl`` command.

This is what fairseq's ``--user-dir`` and ``common.user_dir`` import, so it must register all that the plugin
adds. fairseq is always loaded by then. In a process without fairseq there is nothing to register with, and
``xlpl --help`` need not wait for torch; library code that needs the registry imports ``xlpl_plugin.registry``.
"""

import sys

if "fairseq" in sys.modules:
    from xlpl_plugin import registry  # noqa: F401
