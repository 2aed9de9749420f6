"""A card for each scoring model: what it is for, how it scores, and how well that is proved.

    facts.py    what is known of a model: rules from seeds/, figures from the published copy
    card.py     the card's text, as blocks
    render.py   blocks as Markdown, and as a page that stands alone
    write.py    the files in HOME/reports/model_cards/

A table that is not there, or has no row for the model, is said to be not yet measured.
"""
