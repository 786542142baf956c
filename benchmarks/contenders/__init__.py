"""The contenders, a file for each tool; none of them imports another tool."""
