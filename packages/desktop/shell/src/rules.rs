//! What a page may ask for, as data in allowed.json (contract.ts and host/shell.ts say the same; a test compares).
use serde_json::Value;
use std::sync::LazyLock;
use tauri::Url;

static ALLOWED: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../allowed.json")).expect("allowed.json"));

fn listed(list: &str) -> impl Iterator<Item = &'static str> {
    ALLOWED[list].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// A page that was taken over can start and stop sessions, but never gets a credential into its hands.
pub fn may_call(method: &str, params: &Value) -> bool {
    listed("methods").any(|one| one == method)
        && params.is_object()
        // Its URL holds a sign-in token: the agent opens it and answers without it.
        && (method != "credentials.console-url" || params["open"] == true)
}

/// https and AWS's, or the sign-in page of an open question: loopback there too, where a sandbox listens.
pub fn may_open(url: &str, asked: &[String]) -> bool {
    let Ok(parsed) = Url::parse(url) else { return false };
    let host = parsed.host_str().unwrap_or_default();
    if asked.iter().any(|one| one == url) {
        return parsed.scheme() == "https"
            || parsed.scheme() == "http" && matches!(host, "127.0.0.1" | "localhost");
    }
    let aws =
        |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    parsed.scheme() == "https" && listed("domains").any(aws)
}

/// `leapp://open/activity` names one of these views and does nothing else, whatever follows it.
pub fn view_of(link: &str) -> Option<&'static str> {
    let path = link.strip_prefix("leapp://open/")?;
    let name = path.split(['/', '?', '#']).next()?;
    ["sessions", "activity", "settings"].into_iter().find(|view| *view == name)
}

/// Our own page and nothing else; a link or a script that leads away is not followed.
pub fn is_own_page(url: &Url) -> bool {
    url.scheme() == "tauri" && url.host_str() == Some("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_never_gets_a_credential() {
        assert!(may_call("session.list", &json!({})));
        for method in ["credentials.generate", "hello", "subscribe", "agent.stop", "agent.replace", ""] {
            assert!(!may_call(method, &json!({})), "{method}");
        }
        assert!(may_call("credentials.console-url", &json!({"session": "a", "open": true})));
        for params in
            [json!({"session": "a"}), json!({"open": "true"}), json!({"open": 1}), json!(null), json!([])]
        {
            assert!(!may_call("credentials.console-url", &params), "{params}");
        }
    }

    #[test]
    fn only_pages_of_aws_and_of_open_questions_are_opened() {
        let asked = [
            "https://idp.example/sso".to_owned(),
            "http://127.0.0.1:8080/device".to_owned(),
            "file:///etc".to_owned(),
        ];
        for url in [
            "https://eu-west-1.console.aws.amazon.com/",
            "https://d-1.awsapps.com/start",
            &asked[0],
            &asked[1],
        ] {
            assert!(may_open(url, &asked), "{url}");
        }
        for url in [
            "http://aws.amazon.com/",
            "https://aws.amazon.com.evil.example/",
            "https://evilaws.amazon.com.example/",
            "https://notamazonaws.com/",
            "https://aws.amazon.com@evil.example/",
            "https://idp.example/other",
            "http://127.0.0.1:8080/",
            "javascript:alert(1)",
            "file:///etc/passwd",
            &asked[2],
            "",
        ] {
            assert!(!may_open(url, &asked), "{url}");
        }
    }

    #[test]
    fn links_name_a_view_and_nothing_else() {
        assert_eq!(view_of("leapp://open/activity?x=1"), Some("activity"));
        for link in [
            "leapp://open/",
            "leapp://start/prod",
            "leapp://open/activity2",
            "https://open/activity",
            "leapp://",
        ] {
            assert_eq!(view_of(link), None, "{link}");
        }
    }

    #[test]
    fn the_window_stays_on_its_page() {
        let stays = |url: &str| is_own_page(&Url::parse(url).unwrap());
        assert!(stays("tauri://localhost/"));
        for url in [
            "https://tauri.localhost/",
            "http://127.0.0.1/",
            "about:blank",
            "data:text/html,x",
            "tauri://other/",
        ] {
            assert!(!stays(url), "{url}");
        }
    }
}
