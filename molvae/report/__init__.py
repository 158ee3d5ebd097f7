"""From a run folder to tables, figures and one offline HTML page."""

from molvae.report.page import build

__all__ = ["build"]
