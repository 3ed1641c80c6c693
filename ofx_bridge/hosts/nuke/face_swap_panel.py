"""Nuke: a beauty pass with a garbage matte around Face Swap, set up for a shot. Not run in Nuke by us.

Put it into ``~/.nuke`` and write ``import face_swap_panel`` into ``menu.py``: it adds *Face Swap for this shot* to the
menu *Nodes*.
"""

import nuke

PLUGIN = "OFXorg.mobilefaceswap.faceswap_v1"


def set_up(plate, source, track=""):
    """A Face Swap behind ``plate`` with a Roto for what must stay out; returns the Face Swap.

    source: a picture, a folder of pictures or an .idn file. track: a track file of `mobilefaceswap analyse`.
    """
    swap = nuke.createNode(PLUGIN, inpanel=False)
    swap.setInput(0, plate)
    swap["source"].setValue(source)
    if track:
        swap["track_file"].setValue(track)
        swap["smoothing"].setValue(3)
    garbage = nuke.createNode("Roto", inpanel=False)
    garbage["label"].setValue("keep out of the swap")
    garbage.setInput(0, None)
    # The order of the inputs is Source, Identity, Inside Matte, Outside Matte.
    swap.setInput(3, garbage)
    garbage.setXYpos(swap.xpos() + 150, swap.ypos())
    return swap


def set_up_selected():
    """Asks for source and track and puts a Face Swap behind the selected node."""
    try:
        plate = nuke.selectedNode()
    except ValueError:
        nuke.message("Select the node of the plate first.")
        return
    panel = nuke.Panel("Face Swap for this shot")
    panel.addFilenameSearch("Source", "")
    panel.addFilenameSearch("Track File", "")
    if panel.show():
        set_up(plate, panel.value("Source"), panel.value("Track File"))


nuke.menu("Nodes").addCommand("MobileFaceSwap/Face Swap for this shot", set_up_selected)
