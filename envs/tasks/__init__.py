"""Tasks, task sets, task-set files, frozen splits and sampling."""
