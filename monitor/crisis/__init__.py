"""Crisis wording: an editable list of phrases, matched on normalised text."""

from monitor.crisis.matching import CrisisList, Mention

__all__ = ["CrisisList", "Mention"]
