"""HTML pages and pictures: risk is the nightly report, evaluation all measurements, style what both share.

The style sheets are style/page.css for all pages, risk/people.css for cards, and evaluation/evaluation.css.
"""
