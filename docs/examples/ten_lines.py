"""The README's example: swap a face through a whole clip, then look at one matte again. Tests compare and run it."""

# --8<-- [start:body]
from mobilefaceswap import FaceSwapNode, Settings, create_output, open_clip

with open_clip("shot.mov") as shot:
    node = FaceSwapNode("actor.jpg", shot)  # the source is read once
    with create_output("out.mov", like=shot) as out:
        for time in range(shot.first, shot.last + 1):
            result = node.render(time)  # any order, any thread
            out.write(time, result.composite)
    matte = node.render(shot.first, Settings(matte_expand=3)).matte  # from the cache: no search, no network
# --8<-- [end:body]
