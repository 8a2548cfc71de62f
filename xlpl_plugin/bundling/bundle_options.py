"""What a user may set about a bundle."""

from __future__ import annotations

from dataclasses import dataclass

from xlpl_plugin.errors import XlplError
from xlpl_plugin.schema import join, option
from xlpl_plugin.text.language import find_language


@dataclass(frozen=True)
class BundleOptions:
    """What goes into a bundle, and what its card says."""

    half: bool = option(False, "weights in half precision (float16): half the size; words may differ a little")
    lm_bits: int = option(
        8,
        "bits for each number of the LM: fewer make it smaller, and words may differ a little; 0: the LM as it is",
        least=0,
        most=25,
    )
    language: str = option("", "what is spoken, an ISO 639 code or a name; empty: as the target was prepared")
    licence: str = option("", "under which you give the bundle away, for the card, such as CC-BY-4.0")

    def check_together(self, key: str) -> None:
        """Raise ``XlplError`` for a language that is not known."""
        if self.language:
            try:
                find_language(self.language)
            except XlplError as error:
                raise XlplError(
                    f"{join(key, 'language')}: {error.problem}", expected=error.expected, remedy=error.remedy
                ) from error
