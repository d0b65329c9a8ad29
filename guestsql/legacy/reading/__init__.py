"""The files, record by record, and what each record says about its guest."""
