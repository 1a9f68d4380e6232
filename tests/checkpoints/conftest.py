"""What the tests of small checkpoints share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# read when the Hub's library is imported: a wrong path would else be asked for over the network
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small are slower on several threads, much slower on a busy machine."""
    import torch  # noqa: PLC0415 - after the Hub was switched off

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
