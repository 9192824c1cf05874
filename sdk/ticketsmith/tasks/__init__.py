"""One file per task; the file's name is the task's name. Free of torch: the CLI reads them."""
