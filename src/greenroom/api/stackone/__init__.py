"""The StackOne-compatible API: unified ATS calls and platform calls."""
