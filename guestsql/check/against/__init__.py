"""The deploy order: what an older release's queries do on the newer schema, and the newer ones on the older."""

from guestsql.check.against.git import read_ref
from guestsql.check.against.manifest import read_manifest, save_manifest
from guestsql.check.against.order import DeployVerdict, Order
from guestsql.check.against.release import Release, ReleaseError, SqlFile, read_folders
from guestsql.check.against.report import verdict_as_json, verdict_as_text, verdict_line
from guestsql.check.against.run import Comparison, Connect, compare_releases

__all__ = [
    "Comparison",
    "Connect",
    "DeployVerdict",
    "Order",
    "Release",
    "ReleaseError",
    "SqlFile",
    "compare_releases",
    "read_folders",
    "read_manifest",
    "read_ref",
    "save_manifest",
    "verdict_as_json",
    "verdict_as_text",
    "verdict_line",
]
