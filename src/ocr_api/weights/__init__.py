"""A model's files: found, verified, locked to a commit, bundled; and fetched, in a child.

Looking is light and uses files only. `download` and `hub` use the network, and run nowhere but in
`child/download_process.py`.
"""

from ocr_api.weights.bundle import make_bundle, open_bundle
from ocr_api.weights.lookup import Found, WeightsLookup, find
from ocr_api.weights.places import WeightsPlaces, is_offline, weights_places
from ocr_api.weights.standing import DownloadRule, Standing, look_at_weights

__all__ = [
    "DownloadRule",
    "Found",
    "Standing",
    "WeightsLookup",
    "WeightsPlaces",
    "find",
    "is_offline",
    "look_at_weights",
    "make_bundle",
    "open_bundle",
    "weights_places",
]
