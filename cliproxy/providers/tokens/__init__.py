"""How tokens of logins are got and renewed: one module per token endpoint (oauth-login.md 3-10)."""
