"""Signing in elsewhere, by OpenID Connect: the authorization code flow with PKCE.

`provider` is who says who somebody is: it sends browsers there, and turns the code that they come back with into
claims. `people` says who these claims are here, and in which role. What one sign-in must remember (state, nonce,
verifier) the browser keeps, signed, for some minutes: nothing is stored, and any process of the API can go on.

This room, and what it needs, is imported only where a provider is configured.
"""
