"""What a model's weights mean for the model: it can run, will be able to, or cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ocr_api.catalog import ModelSpec
from ocr_api.errors import WeightsBrokenError
from ocr_api.weights.lookup import Found, WeightsLookup
from ocr_api.weights.places import WeightsPlaces, is_offline
from ocr_api.weights.verified import is_verified


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand with the weights of one model.

    Attributes:
        found: They are here; None = not, or not whole.
        is_fetchable: They may be downloaded.
        hindrance: Why the model cannot run, for people; empty = it can, once they are here.
        note: What there is to know otherwise, for people.
        is_broken: They are here, damaged or not whole.
        is_verified: They are here, and a run of `make verify-weights` read pages well with them.
    """

    found: Found | None = None
    is_fetchable: bool = False
    hindrance: str = ""
    note: str = ""
    is_broken: bool = False
    is_verified: bool = False


@dataclass(frozen=True, slots=True)
class DownloadRule:
    """Whether this service may fetch weights by itself.

    Attributes:
        is_allowed: It may.
        why_not: The variable that says no.
    """

    is_allowed: bool
    why_not: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str], *, allow_downloads: bool) -> DownloadRule:
        """Gives the rule: `ALLOW_DOWNLOADS`, and Hugging Face's own `HF_HUB_OFFLINE`."""
        if not allow_downloads:
            return cls(is_allowed=False, why_not="ALLOW_DOWNLOADS=false")
        if is_offline(environment):
            return cls(is_allowed=False, why_not="HF_HUB_OFFLINE=1")
        return cls(is_allowed=True)


def look_at_weights(
    spec: ModelSpec,
    lookup: WeightsLookup,
    rule: DownloadRule,
    quantization: str | None = None,
) -> Standing:
    """Looks for the weights of a model; blocking. One that brings none with it stands well.

    Args:
        spec: The model.
        lookup: Finds and checks its files.
        rule: Whether they may be fetched.
        quantization: In place of the one of its entry; None = the entry's.
    """
    if spec.weights is None:
        return Standing()
    folder = lookup.places.plain_folder(spec.id)
    try:
        found = lookup.find(spec.id, spec.weights)
    except WeightsBrokenError as exc:
        return _broken(spec, exc, lookup.places, rule)
    if found is not None:
        chosen = quantization or spec.quantization or "none"
        verified = is_verified(lookup.places.models_dir, spec.id, found, chosen)
        return Standing(found=found, note=f"in {found.folder}", is_verified=verified)
    if rule.is_allowed:
        return Standing(is_fetchable=True, note=_to_come(spec))
    return Standing(
        hindrance=f"The weights of {spec.name} are neither in {folder} nor in the Hugging Face "
        f"cache, and {rule.why_not}: run `ocr-api models pull {spec.id}`, or bring them by "
        f"`ocr-api models bundle` from another machine."
    )


def _broken(
    spec: ModelSpec, fault: WeightsBrokenError, places: WeightsPlaces, rule: DownloadRule
) -> Standing:
    """What lies in the cache is fetched again where that is allowed; the operator's own is not."""
    file = Path(str(fault.facts["file"]))
    if file.is_relative_to(places.hub_cache):
        if rule.is_allowed:
            note = f"{fault.detail} It is fetched again when it is needed."
            return Standing(is_fetchable=True, note=note, is_broken=True)
        advice = f" Run `ocr-api models pull {spec.id}`."
    else:
        own = places.plain_folder(spec.id)
        advice = f" Bring {own} anew, or remove it." if file.is_relative_to(own) else ""
    return Standing(hindrance=f"{fault.detail}{advice}", is_broken=True)


def _to_come(spec: ModelSpec) -> str:
    size = spec.weights.download_mib if spec.weights else None
    about = "" if size is None else f" (about {size} MiB)"
    return f"Its weights are not here yet{about}; they are fetched when first needed."
