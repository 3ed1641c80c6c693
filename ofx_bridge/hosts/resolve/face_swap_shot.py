"""DaVinci Resolve and Fusion: a Face Swap on the selected tool. Not run in either by us.

Copy it into the folder of Comp scripts (Workspace > Scripts > Comp) and start it from that menu on the Fusion page.
"""

PLUGIN = "ofx.org.mobilefaceswap.FaceSwap"


def set_up(comp):
    """Asks for source and track and puts a Face Swap behind the active tool of ``comp``."""
    plate = comp.ActiveTool
    if plate is None:
        print("Select the tool of the plate first.")
        return
    fields = {
        1: {1: "Source", 2: "FileBrowse", "Name": "Source (picture or .idn)"},
        2: {1: "Track", 2: "FileBrowse", "Name": "Track File (optional)"},
    }
    answer = comp.AskUser("Face Swap for this shot", fields)
    if not answer:
        return
    comp.Lock()
    try:
        add_swap(comp, plate, answer)
    finally:
        comp.Unlock()


def add_swap(comp, plate, answer):
    """Puts a Face Swap behind ``plate``. answer: what the user chose for Source and Track."""
    swap = comp.AddTool(PLUGIN, -32768, -32768)
    if swap is None:
        print("Fusion made no Face Swap. Enable it in Preferences > System > Video Plugins.")
        return
    swap.ConnectInput("Source", plate)
    swap.SetInput("source", answer["Source"])
    if answer.get("Track"):
        swap.SetInput("track_file", answer["Track"])
        swap.SetInput("smoothing", 3)


set_up(comp)  # noqa: F821  Fusion hands the composition over under this name
