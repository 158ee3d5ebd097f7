"""Widgets for which molecules are acceptable: the settings of :class:`~molvae.chemistry.filters.FilterConfig`."""

from typing import Any, get_args

import streamlit as st

from molvae.chemistry.filters import AlertCatalog, FilterConfig
from molvae.errors import ConfigError

_MAX_PATTERNS = 20


def ask_constraints(key: str) -> dict[str, Any]:
    """Settings that differ from the defaults.

    Raises:
        ConfigError: a pattern is no SMARTS, or there are too many.
    """
    default = FilterConfig()

    def told(name: str) -> str:
        return str(FilterConfig.model_fields[name].description)

    left, right = st.columns(2)
    values: dict[str, Any] = {
        "lipinski": left.toggle("Rule of five", default.lipinski, key=f"{key}-lipinski", help=told("lipinski")),
        "refuse_alerts": tuple(
            right.multiselect(
                "Refuse structural alerts of",
                get_args(AlertCatalog),
                list(default.refuse_alerts),
                key=f"{key}-alerts",
                help=told("refuse_alerts"),
            )
        ),
        "max_heavy_atoms": int(
            left.number_input("Most heavy atoms", 1, 200, default.max_heavy_atoms, key=f"{key}-atoms")
        ),
        "max_ring_size": int(right.number_input("Largest ring", 3, 30, default.max_ring_size, key=f"{key}-ring")),
        "require": _patterns(left, "Must contain (SMARTS, one a line)", f"{key}-require"),
        "forbid": _patterns(right, "Must not contain (SMARTS, one a line)", f"{key}-forbid"),
        "allowed_elements": tuple(
            st.multiselect(
                "Elements",
                default.allowed_elements,
                list(default.allowed_elements),
                key=f"{key}-elements",
                help=told("allowed_elements"),
            )
        ),
    }
    config = FilterConfig.create(values)  # says which pattern is wrong
    return config.model_dump(mode="json", exclude_defaults=True)


def _patterns(place: Any, label: str, key: str) -> tuple[str, ...]:
    text = place.text_area(label, key=key, height=80, max_chars=4000, placeholder="[OX2H]")
    patterns = tuple(line.strip() for line in text.splitlines() if line.strip())
    if len(patterns) > _MAX_PATTERNS:
        raise ConfigError(f"{label}: at most {_MAX_PATTERNS} patterns, not {len(patterns)}: remove some")
    return patterns
