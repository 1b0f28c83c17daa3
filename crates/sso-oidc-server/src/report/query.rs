//! Secrets in the query of a request, where logs and histories keep them (RFC 6750 §5.3, RFC 6749 §2.3.1).

/// The names of secret parameters in both dialects.
const SECRETS: [&str; 12] = [
    "client_secret",
    "clientSecret",
    "device_code",
    "deviceCode",
    "refresh_token",
    "refreshToken",
    "access_token",
    "accessToken",
    "code",
    "code_verifier",
    "codeVerifier",
    "client_assertion",
];

/// Returns whether a query has a secret. Its values are not looked at.
pub(crate) fn has_secret(query: Option<&str>) -> bool {
    let names = query.unwrap_or_default().split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    names.into_iter().any(|name| SECRETS.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_secrets_count() {
        for query in ["device_code=x", "a=b&clientSecret=", "grant_type=x&code=y"] {
            assert!(has_secret(Some(query)), "{query}");
        }
        for query in ["user_code=BCDF-GHJK", "code_challenge=x&state=device_code", "aws_iam=t", ""] {
            assert!(!has_secret(Some(query)), "{query}");
        }
        assert!(!has_secret(None));
    }
}
