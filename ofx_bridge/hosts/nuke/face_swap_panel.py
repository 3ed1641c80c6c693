"""Nuke: a beauty pass with a garbage matte around Face Swap, set up for a shot. Not run in Nuke by us.

Put it into ``~/.nuke`` and write ``import face_swap_panel`` into ``menu.py``: it adds *Face Swap for this shot* to the
menu *Nodes*.
"""

import nuke

PLUGIN = "OFXorg.mobilefaceswap.faceswap_v1"


def set_up(plate, source, track=""):
    """A Face Swap between ``plate`` and what follows it, with a Roto for what must stay out; returns the Face Swap.

    source: a picture, a folder of pictures or an .idn file. track: a track file of `mobilefaceswap analyse`. Raises
    RuntimeError where Nuke has no Face Swap.
    """
    select(plate)
    swap = nuke.createNode(PLUGIN, inpanel=False)
    swap.setInput(0, plate)
    swap["source"].setValue(source)
    if track:
        swap["track_file"].setValue(track)
        swap["smoothing"].setValue(3)
    # Behind a selected node it would come between that and what follows.
    select()
    garbage = nuke.createNode("Roto", inpanel=False)
    garbage["label"].setValue("keep out of the swap")
    # The order of the inputs is Source, Identity, Inside Matte, Outside Matte.
    swap.setInput(3, garbage)
    garbage.setXYpos(swap.xpos() + 150, swap.ypos())
    select(swap)
    return swap


def select(*nodes):
    """Selects these nodes alone."""
    for node in nuke.selectedNodes():
        node.setSelected(False)
    for node in nodes:
        node.setSelected(True)


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
    if not panel.show():
        return
    try:
        set_up(plate, panel.value("Source"), panel.value("Track File"))
    except RuntimeError as error:
        nuke.message(f"Nuke made no Face Swap: {error}. Run `mobilefaceswap ofx check` in a terminal.")


nuke.menu("Nodes").addCommand("MobileFaceSwap/Face Swap for this shot", set_up_selected)
