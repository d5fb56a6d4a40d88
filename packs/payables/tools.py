"""Every tool of the pack, by name; each is defined in the module that it is imported from."""

from packs.payables.asking import ask_about_invoice, hold_invoice
from packs.payables.books import load_books, load_sample_books
from packs.payables.checking import check_invoice, match_invoice
from packs.payables.paying import schedule_credit, schedule_payment
from packs.payables.payment_run import close_payment_run, list_payments, render_payment_files
from packs.payables.reading_tool import read_einvoice

__all__ = [
    "ask_about_invoice",
    "check_invoice",
    "close_payment_run",
    "hold_invoice",
    "list_payments",
    "load_books",
    "load_sample_books",
    "match_invoice",
    "read_einvoice",
    "render_payment_files",
    "schedule_credit",
    "schedule_payment",
]
