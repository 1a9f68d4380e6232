"""Which server may run, and which may read whose data."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.errors import StoreError
from ocr_api.store.server_binary import (
    ServerVersion,
    can_read,
    find_server_binary,
    parse_version,
    record_version,
)

triples = st.tuples(*[st.integers(0, 20)] * 3)
versions = st.builds(ServerVersion, st.sampled_from(("valkey", "redis")), triples)


def test_server_is_found_and_runs() -> None:
    found = find_server_binary()
    assert found.version.version[0] >= 7
    assert found.path.is_file()


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("Valkey server v=9.1.2 sha=00000000:0 malloc=libc bits=64", ("valkey", (9, 1, 2))),
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc", ("redis", (7, 0, 15))),
        ("something else v=1.2.3", None),
        ("", None),
    ],
)
def test_version_is_read(answer: str, version: tuple[str, tuple[int, int, int]] | None) -> None:
    assert parse_version(answer) == (None if version is None else ServerVersion(*version))


@given(versions, versions)
def test_of_two_versions_of_one_server_the_newer_reads_the_olders_data(
    one: ServerVersion, other: ServerVersion
) -> None:
    if one.name == other.name:
        assert can_read(one, other) == (other.version >= one.version)
    if one.name == "valkey" and other.name == "redis":
        assert not can_read(one, other)


def test_valkey_reads_what_redis_wrote_before_they_parted() -> None:
    valkey = ServerVersion("valkey", (9, 1, 2))
    assert can_read(ServerVersion("redis", (7, 2, 4)), valkey)
    assert not can_read(ServerVersion("redis", (7, 4, 0)), valkey)


def test_newer_server_takes_the_directory_over_for_good(tmp_path: Path) -> None:
    old, new = ServerVersion("valkey", (8, 0, 0)), ServerVersion("valkey", (9, 1, 2))
    for version in (old, old, new):
        record_version(tmp_path, version)
    with pytest.raises(StoreError, match=r"valkey 9\.1\.2"):
        record_version(tmp_path, old)
    record_version(tmp_path, new)
