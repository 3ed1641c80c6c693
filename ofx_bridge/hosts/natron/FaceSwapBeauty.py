# Natron PyPlug
# ruff: noqa: N802  (Natron names them)
"""A beauty pass: the swapped face as a layer, graded, over the plate, with a garbage matte. Not run in Natron by us.

Put it where Natron looks for plug-ins (``~/.Natron``). Inputs: the plate, and a matte of what must stay out.
"""

SWAP = "org.mobilefaceswap.FaceSwap"
FACE_PREMULTIPLIED = 1
PLATE, GARBAGE = 0, 3
BACKGROUND, FOREGROUND = 0, 1


def getPluginID():
    return "org.mobilefaceswap.beauty"


def getLabel():
    return "FaceSwapBeauty"


def getVersion():
    return 1


def getGrouping():
    return "MobileFaceSwap"


def getDescription():
    return "Face Swap as a layer with a grade of its own, merged over the plate; what the garbage matte covers stays."


def createInstance(app, group):
    plate = input_of(app, group, "Plate", 0)
    garbage = input_of(app, group, "Garbage", 200)
    optional = garbage.getParam("optional")
    if optional is not None:
        optional.setValue(True)
    swap = node_of(app, group, SWAP, "Swap", 0, 120)
    swap.connectInput(PLATE, plate)
    swap.connectInput(GARBAGE, garbage)
    swap.getParam("output_mode").setValue(FACE_PREMULTIPLIED)
    grade = node_of(app, group, "net.sf.openfx.GradePlugin", "Beauty", 0, 240)
    grade.connectInput(0, swap)
    merge = node_of(app, group, "net.sf.openfx.MergePlugin", "Over", 0, 360)
    merge.connectInput(BACKGROUND, plate)
    merge.connectInput(FOREGROUND, grade)
    output = node_of(app, group, "fr.inria.built-in.Output", "Output1", 0, 480)
    output.connectInput(0, merge)
    add_controls(group, swap)


def add_controls(group, swap):
    """Puts what every shot needs on the group."""
    page = group.createPageParam("controls", "Controls")
    for make, name, label in (
        (group.createFileParam, "source", "Source"),
        (group.createFileParam, "track_file", "Track File"),
        (group.createDoubleParam, "mix", "Mix"),
        (group.createDoubleParam, "matte_expand", "Expand"),
        (group.createDoubleParam, "matte_feather", "Feather"),
    ):
        control = make(name, label)
        page.addParam(control)
        control.setAsAlias(swap.getParam(name))
    group.setPagesOrder(["controls", "Node"])
    group.refreshUserParamsGUI()


def input_of(app, group, label, x):
    """An input of the group."""
    return node_of(app, group, "fr.inria.built-in.Input", label, x, 0)


def node_of(app, group, plugin, name, x, y):
    """A node inside the group. Raises RuntimeError where Natron has no such plug-in."""
    node = app.createNode(plugin, -1, group)
    if node is None:
        raise RuntimeError(f"Natron made no {plugin}. For Face Swap run `mobilefaceswap ofx check` in a terminal.")
    node.setScriptName(name)
    node.setLabel(name)
    node.setPosition(x, y)
    return node
