"""Labels of photos in tasks that are not classification, read from files of any origin."""
