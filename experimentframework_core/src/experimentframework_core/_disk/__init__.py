"""The buffer on disk: a journal, who owns it, and the tasks between it and the lanes."""
