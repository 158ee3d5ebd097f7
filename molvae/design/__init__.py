"""The one place where chemistry meets search: candidates, oracle, validation, campaign."""
