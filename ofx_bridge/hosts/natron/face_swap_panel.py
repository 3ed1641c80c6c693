"""Natron: a Face Swap on the selected node, set up for a shot. Not tried yet in the version that this file is of.

Run it in the Script Editor, or import it in ``initGui.py``: it adds *Face Swap for this shot* to the menu *Nodes*.
"""

import NatronEngine
from NatronGui import natron

PLUGIN = "org.mobilefaceswap.FaceSwap"


def set_up(app, plate, source, track=""):
    """A Face Swap behind ``plate``, a node. source: a picture, a folder of pictures or an .idn file."""
    swap = app.createNode(PLUGIN)
    swap.connectInput(0, plate)
    swap.getParam("source").setValue(source)
    if track:
        swap.getParam("track_file").setValue(track)
        swap.getParam("smoothing").setValue(3)
    x, y = plate.getPosition()
    swap.setPosition(x, y + 120)
    return swap


def set_up_selected():
    """Asks for the source and puts a Face Swap behind the selected node."""
    app = natron.getGuiInstance(natron.getNumInstances() - 1)
    selected = app.getSelectedNodes()
    if not selected:
        natron.errorDialog("Face Swap", "Select the node of the plate first.")
        return
    source = app.getFilenameDialog(["png", "jpg", "exr", "idn"])
    if source:
        set_up(app, selected[0], source)


if NatronEngine.natron.isBackground() is False:
    natron.addMenuCommand("Nodes/Face Swap for this shot", "face_swap_panel.set_up_selected")
