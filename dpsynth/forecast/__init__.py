"""What a release will take and how far off it will be, said from public facts before any data is read."""
