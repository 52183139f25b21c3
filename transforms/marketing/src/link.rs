//! Links: only their host leaves the message, since path and query may tell of a person's health.

use panorama_model::Text;

/// The host of an absolute URL, in lower case, without user, port and `www.`.
pub(crate) fn host(url: &str) -> Option<Text> {
    let (_, rest) = url.trim().split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host_and_port = authority.rsplit('@').next()?;
    let host = match host_and_port.strip_prefix('[') {
        Some(literal) => literal.split(']').next()?,
        None => host_and_port.split(':').next()?,
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    let plausible = host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'_'));
    (!host.is_empty() && plausible).then(|| Text::from(host))
}

/// The value of a query parameter, not decoded.
pub(crate) fn query_parameter<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = url.split_once('?')?;
    let query = query.split('#').next()?;
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, value)| *key == name && !value.is_empty())
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_is_kept() {
        let check = |url: &str, expected: Option<&str>| assert_eq!(host(url).as_deref(), expected, "{url}");
        check("https://www.Example.org/oncology?patient=1", Some("example.org"));
        check("http://user:secret@example.org:8080#x", Some("example.org"));
        check("https://[2001:db8::1]:443/", Some("2001:db8::1"));
        check("https://example.org?x=/a@b", Some("example.org"));
        check("https://ada@example.org@host.example/", Some("host.example"));
        check("/only/a/path", None);
        check("mailto:ada@example.org", None);
        check("https:///x", None);
        check("https://a b/", None);
    }

    #[test]
    fn query_parameters() {
        let url = "https://a.example/x?utm_medium=cpc&gclid=&utm_source=news#utm_campaign=no";
        assert_eq!(query_parameter(url, "utm_medium"), Some("cpc"));
        assert_eq!(query_parameter(url, "utm_source"), Some("news"));
        assert_eq!(query_parameter(url, "gclid"), None);
        assert_eq!(query_parameter(url, "utm_campaign"), None);
    }
}
