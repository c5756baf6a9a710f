"""From a trained agent to a controller: export, running an export, adapting to a recording."""
