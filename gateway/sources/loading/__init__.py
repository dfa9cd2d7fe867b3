"""Loading of files: raw texts of any adapter, normalised by a profile, into a snapshot; with a report of every record."""

from gateway.sources.loading.load import load_source, profile_of
from gateway.sources.loading.report import FileReport, Issue, LoadProgress, LoadReport, Quarantined

__all__ = ["FileReport", "Issue", "LoadProgress", "LoadReport", "Quarantined", "load_source", "profile_of"]
