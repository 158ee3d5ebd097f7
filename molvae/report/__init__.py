"""From a run folder to tables, figures and one offline HTML page."""

from molvae.report.notebook import Shown, shown
from molvae.report.page import build

__all__ = ["Shown", "build", "shown"]
