"""Parts both emulators stand on: the ledger file, the server, faults, switches, the clock and the common pages.

Nothing here knows Procore or Intuit, and nothing here imports the product.
"""
