"""A blind reading: people judge the reports of two systems, and do not know whose is whose."""

from mrg_r1_lib.evaluation.blind_reading.page import exchanged, make_page, write_page
from mrg_r1_lib.evaluation.blind_reading.readers import compare, sign_test

__all__ = ["compare", "exchanged", "make_page", "sign_test", "write_page"]
