"""What a process of ours does with its cores, its memory, its files and its log lines."""
