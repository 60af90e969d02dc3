"""TFLite files of any tool: what each builtin operator is, and what a file holds."""
