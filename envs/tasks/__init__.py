"""Tasks, task sets, their files, frozen splits and sampling."""
