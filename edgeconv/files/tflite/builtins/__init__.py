"""What a builtin operator of TFLite is: a row each, one file a family."""
