"""Maximise a black box over a region of R^d; knows no chemistry."""

from molvae.search.loop import Proposal, Search, SearchConfig

__all__ = ["Proposal", "Search", "SearchConfig"]
