"""From clips to feature files: the command `blendfuse extract`.

`registry` has the table of encoders, `media` decodes, `encoders` has the models by family, `store`
keeps what is done, `session` runs a request. Importing this package imports no model library.
"""
