"""What builds the offline site: executed lessons in, a folder of pages out. ``docs/make_site.py`` is its command.

executed   finds executed notebooks, executes what is missing or out of date
lessons    what a lesson says about itself; its page
pages      results from the ledger, the API's pages, documents of the repository
twins      explorers as range inputs over pre-rendered frames
sheets     a lesson's figures as one small picture
extension  the Sphinx side: alt texts, types, kernels' remains
audit      reads the built HTML: remote files, dead links, pictures without words
"""
