"""What people look at again and again: the status line, `llmcap top`."""
