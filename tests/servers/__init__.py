"""Which real servers does a test talk to?"""
