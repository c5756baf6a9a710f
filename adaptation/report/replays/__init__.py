"""Moving pictures of a report: recorded robots, their meshes, and the pages that show them."""
