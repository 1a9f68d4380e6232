"""Vision-language models: page image and prompt in, generated text out; for model children only.

base                       VisionLanguageEngine: load, read, close; every model is a subclass
got, qari, deepseek, deepseek_v1, image_text_to_text      one model family each
settings, loading, quantize, experts, processors          settings -> a model on its device
tensor_files, memory, free_memory                         does it fit? told before loading
reading, pictures, strips, live_text                      pages -> pictures of a size, and back
generation, batches, streaming, repetition, ngram_guard   pictures -> answers, many at once
answer_forms, plain_page, markup, latex, grounding        answers -> text with structure
"""
