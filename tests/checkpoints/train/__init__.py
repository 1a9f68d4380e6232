"""Trains the small checkpoints that tests read real pages with.

`make checkpoints` runs it: a few minutes on one processor core. Three vision-language models of
about half a million parameters, of the very classes that the service loads, learn the pages of
`sheets` by heart, asked as the service asks. They read these pages and slight variations of them,
and nothing else. A newcomer reads, in this order:

- `sheets`: the pages, what stands on them and what each model shall answer.
- `rendering`, `variations`: how they are drawn, and how they are disturbed.
- `got`, `qari`, `deepseek`: one architecture each, as small as it still learns.
- `lessons`: pages as tensors; `fitting`: the loop; `rounding`: why 4-bit reads as well.
- `__main__`: the story.

Needs the `vlm` extra, and the fonts DejaVu Sans and Noto Naskh Arabic (`fonts-dejavu-core` and
`fonts-noto-core` on Debian). Tests need neither: pages and checkpoints are committed.
"""
