"""Typed configuration of a verb: a YAML file and ``key=value`` overrides, merged into a dataclass."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.schema import Option, check_options, join, options_of

T = TypeVar("T")
# a hint names keys that are at least so like the unknown one (0 to 1), and not more than so many
_LIKE, _MOST_HINTS = 0.6, 3


def load_config(schema: type[T], file: str | Path | None = None, overrides: Sequence[str] = ()) -> T:
    """Merge ``schema``'s defaults, a YAML file and ``key=value`` overrides (later ones win).

    Nested dataclasses are nested keys (``decoder.beam=50``). ``${...}`` interpolations are resolved.

    Raises:
        XlplError: an unknown key (the nearest known ones are named), a value of the wrong type or out of its range, a
            missing value or file, no YAML.
    """
    layers: list[tuple[str, DictConfig]] = []
    if file is not None:
        must_exist(file, "a YAML configuration")
        layers.append((str(file), _read(file)))
    for item in overrides:
        if "=" not in item:
            raise XlplError(f"override {item!r} has no '='", expected="key=value, such as decoder.beam=50")
    if overrides:
        # `key=` is an empty text, as Hydra has it; OmegaConf alone would make it null
        words = [f"{item}''" if item.index("=") == len(item) - 1 else item for item in overrides]
        layers.append(("command line", OmegaConf.from_dotlist(words)))
    config = OmegaConf.structured(schema)
    for origin, layer in layers:
        _reject_unknown(layer, schema, origin)
        try:
            config = OmegaConf.merge(config, layer)
        except OmegaConfBaseException as error:
            key = f"{error.full_key}: " if error.full_key else ""
            raise XlplError(
                f"{key}{str(error).splitlines()[0]}", file=origin, expected=f"the type of {schema.__name__}"
            ) from error
    try:
        made = cast(T, OmegaConf.to_object(config))
    except (MissingMandatoryValue, ConfigKeyError, ConfigAttributeError) as error:
        key = getattr(error, "full_key", None) or str(error).splitlines()[0]
        raise XlplError(f"no value for {key!r}", file=file, expected="a value", remedy=f"set it: {key}=...") from error
    check_options(made)
    return made


def _read(file: str | Path) -> DictConfig:
    try:
        config = OmegaConf.load(file)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise XlplError(f"not YAML: {error.problem}", file=file, line=line, expected="a YAML file of keys") from error
    if not isinstance(config, DictConfig):
        raise XlplError("holds a list", file=file, expected="a YAML file of keys")
    return config


def _reject_unknown(layer: DictConfig, schema: type, origin: str) -> None:
    known = {option.key: option for option in options_of(schema)}
    for key in _keys(layer, known):
        if key not in known:
            above = key.rpartition(".")[0]
            beside = sorted(name.rpartition(".")[2] for name in known if name.rpartition(".")[0] == above)
            near = nearest_keys(key, known)
            raise XlplError(
                f"unknown key {key!r}",
                file=origin,
                expected=f"one of {', '.join(beside)}" if beside else None,
                remedy=f"did you mean {' or '.join(map(repr, near))}?" if near else None,
            )


def _keys(layer: DictConfig, known: Mapping[str, Option], above: str = "") -> Iterator[str]:
    """Yield the keys of a layer as ``options_of`` names them, down to those that nothing is declared below."""
    for name in layer:
        key = join(above, str(name))
        option = known.get(key)
        if option is None:
            yield key + _only_key(layer, str(name))
        elif option.group is None:
            yield key
        elif isinstance(layer[name], DictConfig):
            yield from _keys(layer[name], known, key)
        elif isinstance(layer[name], ListConfig):
            for element in layer[name]:
                if isinstance(element, DictConfig):
                    yield from _keys(element, known, f"{key}[]")


def _only_key(layer: DictConfig, name: str) -> str:
    """Return what follows an unknown name in ``name.key=value``: it may be the key that was meant."""
    below = OmegaConf.to_container(layer, resolve=False)[name]  # type: ignore[index, call-overload]
    words = ""
    while isinstance(below, dict) and len(below) == 1:
        [(key, below)] = below.items()
        words += f".{key}"
    return words


def nearest_keys(key: str, known: Iterable[str]) -> list[str]:
    """Return the keys that ``key`` may have been meant for: their last part counts first, then what stands before it.

    >>> nearest_keys("lm_weight", ["split", "decoder.lm_weight", "decoder.beam"])
    ['decoder.lm_weight']
    """

    def likeness(one: str, other: str) -> float:
        return difflib.SequenceMatcher(None, one, other).ratio()

    above, _, last = key.rpartition(".")
    scores = {}
    for name in known:
        other_above, _, other_last = name.rpartition(".")
        scores[name] = likeness(last, other_last), likeness(above, other_above) if above else 0.0
    best = max(scores.values(), default=(0.0, 0.0))
    return [name for name, score in scores.items() if score == best][:_MOST_HINTS] if best[0] >= _LIKE else []
