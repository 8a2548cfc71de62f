"""Typed configuration of a verb: a YAML file and ``key=value`` overrides, merged into a dataclass."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist

T = TypeVar("T")


def load_config(schema: type[T], file: str | Path | None = None, overrides: Sequence[str] = ()) -> T:
    """Merge ``schema``'s defaults, a YAML file and ``key=value`` overrides (later ones win).

    Nested dataclasses are nested keys (``decoder.beam=50``). ``${...}`` interpolations are resolved.

    Raises:
        XlplError: an unknown key (the nearest known one is named), a value of the wrong type, a missing value, no YAML.
    """
    layers: list[tuple[str, DictConfig]] = []
    if file is not None:
        must_exist(file, "a YAML configuration")
        layers.append((str(file), _read(file)))
    for item in overrides:
        if "=" not in item:
            raise XlplError(f"override {item!r} has no '='", expected="key=value, such as decoder.beam=50")
    if overrides:
        layers.append(("command line", OmegaConf.from_dotlist(list(overrides))))
    config = OmegaConf.structured(schema)
    for origin, layer in layers:
        _reject_unknown(layer, schema, origin)
        try:
            config = OmegaConf.merge(config, layer)
        except OmegaConfBaseException as error:
            raise XlplError(
                str(error).splitlines()[0], file=origin, expected=f"the type of {schema.__name__}"
            ) from error
    try:
        return cast(T, OmegaConf.to_object(config))
    except (MissingMandatoryValue, ConfigKeyError, ConfigAttributeError) as error:
        key = getattr(error, "full_key", None) or str(error).splitlines()[0]
        raise XlplError(f"no value for {key!r}", file=file, expected="a value", remedy=f"set it: {key}=...") from error


def _read(file: str | Path) -> DictConfig:
    try:
        config = OmegaConf.load(file)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise XlplError(f"not YAML: {error.problem}", file=file, line=line, expected="a YAML file of keys") from error
    if not isinstance(config, DictConfig):
        raise XlplError("holds a list", file=file, expected="a YAML file of keys")
    return config


def _reject_unknown(layer: Any, schema: type, origin: str, prefix: str = "") -> None:
    known = {field.name: field for field in dataclasses.fields(schema)}
    for key in layer:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.0)
            raise XlplError(
                f"unknown key {prefix + str(key)!r}",
                file=origin,
                expected=f"one of {', '.join(sorted(known))}",
                remedy=f"did you mean {prefix + near[0]!r}?" if near else None,
            )
        default = _default(known[key])
        if dataclasses.is_dataclass(default) and isinstance(layer[key], DictConfig):
            _reject_unknown(layer[key], type(default), origin, f"{prefix}{key}.")


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
