"""The README's example: swap a face through a whole clip, then look at one matte again. Tests compare and run it."""

# --8<-- [start:body]
from mobilefaceswap import FaceSwapNode, create_output, open_clip

with open_clip("shot.mov") as shot:
    node = FaceSwapNode("actor.jpg", shot)  # the source is read once
    with create_output("out.mov", like=shot) as out:
        for time in range(shot.first, shot.last + 1):
            result = node.render(time)  # any order, any thread
            out.write(time, result.composite)
    wider = node.settings.replaced(matte_expand=3)  # from the pack's own defaults, as the rest of the shot
    matte = node.render(shot.first, wider).matte  # from the cache: no search, no network
# --8<-- [end:body]
