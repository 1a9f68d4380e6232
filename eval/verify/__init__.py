"""`python -m eval.verify`: do models with their real weights really read? Writes down which do.

pages      a manifest: page files and what stands on them; which pages count for which model
run        loads a model as the service does and reads the pages
verdict    what was read → error rates → verified or not; pure
report     what is printed
"""
