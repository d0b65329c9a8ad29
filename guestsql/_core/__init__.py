"""What both databases stand on: values, rows, the server's errors, log events, the twins of asyncio and threads."""
