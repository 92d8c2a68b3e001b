"""A production store on one machine: `make cluster`.

PostgreSQL, SeaweedFS as its S3, three nodes and nginx, all on loopback.

    __main__.py   starts the parts, prints where they are, stops them
    parts.py      one started program and its log; nodes
    nginx.py      nginx with deploy/nginx.conf
    state.py      what is kept from one start to the next
"""
