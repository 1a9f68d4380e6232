"""A model's files: found, checked, locked to a commit, bundled, verified; and fetched, in a child.

Looking is light and uses files only. `download` and `hub` use the network, and run nowhere but in
`child/download_process.py`.
"""

from ocr_api.weights.bundle import make_bundle, open_bundle
from ocr_api.weights.lookup import Found, WeightsLookup, find
from ocr_api.weights.places import WeightsPlaces, is_offline, weights_places
from ocr_api.weights.standing import DownloadRule, Standing, look_at_weights
from ocr_api.weights.verified import Verification, fingerprint_of, record_verification

__all__ = [
    "DownloadRule",
    "Found",
    "Standing",
    "Verification",
    "WeightsLookup",
    "WeightsPlaces",
    "find",
    "fingerprint_of",
    "is_offline",
    "look_at_weights",
    "make_bundle",
    "open_bundle",
    "record_verification",
    "weights_places",
]
