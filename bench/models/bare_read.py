"""Loads GOT with transformers alone and reads one page, in a process of its own; prints JSON.

`python -m bench.models.bare_read <folder> <page> <most tokens> <started at>`: the last is
`time.time()` when the process was started, so that interpreter and imports count. Nothing of the
service is imported.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import torch
import transformers
from PIL import Image

_END = "<|im_end|>"


def main() -> None:
    """Measures and prints seconds since the start of the process: loaded, and read."""
    folder, page, most_tokens, started_at = sys.argv[1:]
    library: Any = transformers
    processor = library.AutoProcessor.from_pretrained(folder)
    model = library.AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.bfloat16).eval()
    loaded_s = time.time() - float(started_at)
    with Image.open(page) as image:
        asked = processor([image.convert("RGB")], return_tensors="pt").to(model.dtype)
    with torch.inference_mode():
        ids = model.generate(
            **asked,
            do_sample=False,
            max_new_tokens=int(most_tokens),
            stop_strings=_END,
            tokenizer=processor.tokenizer,
        )
    answer = ids[0, asked["input_ids"].shape[1] :]
    text = processor.tokenizer.decode(answer, skip_special_tokens=True)
    read_s = time.time() - float(started_at)
    sys.stdout.write(json.dumps({"loaded_s": loaded_s, "read_s": read_s, "text": text}) + "\n")


if __name__ == "__main__":
    main()
