"""Is a file really int8, and will it run as such?"""
