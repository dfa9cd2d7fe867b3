"""What a source is: the port, its discovery, the loading of files into snapshots and the suite every adapter runs."""
