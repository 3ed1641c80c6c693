"""Video files, through PyAV."""
