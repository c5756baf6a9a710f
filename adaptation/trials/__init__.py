"""Running agents through trials, shot by shot or online."""
