"""Reports of audits: one document as JSON, and as a page and a summary made from it.

>>> from attacks.report.document import json_schema
>>> json_schema()["title"]
'AuditReport'
"""
