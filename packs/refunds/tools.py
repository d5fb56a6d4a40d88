"""Every tool of the pack, by name; each is defined in the module that it is imported from."""

from packs.refunds.asking import ask_about_refund
from packs.refunds.orders import find_order, load_orders, load_sample_orders, read_request
from packs.refunds.refunding import hand_over_refunds, list_refunds, refund_order

__all__ = [
    "ask_about_refund",
    "find_order",
    "hand_over_refunds",
    "list_refunds",
    "load_orders",
    "load_sample_orders",
    "read_request",
    "refund_order",
]
