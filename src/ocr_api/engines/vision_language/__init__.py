"""Vision-language models: page image and prompt in, generated text out; for model children only.

base             VisionLanguageEngine: load, read, close; every model is a subclass
got, qari, deepseek, deepseek_v1, image_text_to_text   one model family each
settings, loading, quantize, experts                   settings -> a model on its device
tensor_files, memory, free_memory                      does it fit? told before loading
pictures, tiles, tile_text                             pages -> pictures of a size, and back
batches, generation, streaming, stopping               pictures -> answers, many at once
repetition, ngram_guard                                answers that go round in circles
markup, tables, grounding, latex, plain_page           answers -> text with structure
"""
