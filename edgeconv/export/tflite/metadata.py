class TfliteMetadata:
    pass
