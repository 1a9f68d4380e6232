"""HTTP to the outside, guarded: only public addresses, unless the operator lists a network."""

from ocr_api.outbound.addresses import Address, Network, find_refusal, parse_networks
from ocr_api.outbound.client import Answer, Outbound, OutboundLimits
from ocr_api.outbound.connector import GuardedBackend, Resolve
from ocr_api.outbound.target import LONGEST_URL, check_target

__all__ = [
    "LONGEST_URL",
    "Address",
    "Answer",
    "GuardedBackend",
    "Network",
    "Outbound",
    "OutboundLimits",
    "Resolve",
    "check_target",
    "find_refusal",
    "parse_networks",
]
