"""The contenders, a file or two for each tool; none of them imports another tool."""
