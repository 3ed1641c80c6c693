"""Natron: a panel that puts a Face Swap behind the selected node, set up for a shot. Not run in Natron by us.

Put it where Natron looks for plug-ins (``~/.Natron``) and write ``import face_swap_panel`` into ``initGui.py`` there:
it adds *Face Swap for this shot* to the menu *MobileFaceSwap*. In a background render the module only offers
``set_up``.
"""

import NatronEngine

PLUGIN = "org.mobilefaceswap.FaceSwap"
SMOOTHING = 3


def set_up(app, plate, source, track=""):
    """A Face Swap behind ``plate``, a node. source: a picture, a folder of pictures or an .idn file.

    track: a track file of `mobilefaceswap analyse`; with one the face's position is smoothed. Raises RuntimeError where
    Natron has no Face Swap.
    """
    swap = app.createNode(PLUGIN)
    if swap is None:
        raise RuntimeError("Natron made no Face Swap. Run `mobilefaceswap ofx check` in a terminal.")
    swap.connectInput(0, plate)
    swap.getParam("source").setValue(source)
    if track:
        swap.getParam("track_file").setValue(track)
        swap.getParam("smoothing").setValue(SMOOTHING)
    return swap


def ask():
    """Asks for source and track, and puts a Face Swap behind the selected node of the project in front."""
    from NatronGui import natron

    app = natron.getGuiInstance(natron.getNumInstances() - 1)
    selected = app.getSelectedNodes()
    if not selected:
        natron.errorDialog("Face Swap", "Select the node of the plate first.")
        return
    dialog = app.createModalDialog()
    dialog.createFileParam("source", "Source")
    dialog.createFileParam("track", "Track File")
    dialog.refreshUserParamsGUI()
    if not dialog.exec_():
        return
    source, track = dialog.getParam("source").get(), dialog.getParam("track").get()
    if not source:
        natron.errorDialog("Face Swap", "Choose a source: a picture, or a prepared identity (.idn).")
        return
    try:
        swap = set_up(app, selected[0], source, track)
    except RuntimeError as error:
        natron.errorDialog("Face Swap", str(error))
        return
    x, y = selected[0].getPosition()
    swap.setPosition(x, y + 120)


if not NatronEngine.natron.isBackground():
    import NatronGui

    NatronGui.natron.addMenuCommand("MobileFaceSwap/Face Swap for this shot", "face_swap_panel.ask")
