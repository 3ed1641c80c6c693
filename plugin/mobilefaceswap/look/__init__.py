"""How the face sits in the plate: `matte`, `match`, `detail`, `over`, and the `views` for the eye."""
