//! Tests of the accepted spellings of a start URL, and of the facts in its host.

use super::*;

fn parsed(text: &str) -> StartUrl {
    StartUrl::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn what_a_paste_leaves_on_an_address_is_tidied_away() {
    const URL: &str = "https://d-1234567890.awsapps.com/start/#/";
    for text in [
        "https://d-1234567890.awsapps.com/start/#/\r",
        "https://d-1234567890.awsapps.com/start/#/\r\n",
        "\u{feff}https://d-1234567890.awsapps.com/start/#/",
        "https://d-1234567890.awsapps.com/start/#/\u{200b}",
        "https://d-1234567890.aws\u{200d}apps.com/start\u{ad}/#/",
        "\u{202a}https://d-1234567890.awsapps.com/start/#/\u{202c}",
        "\u{a0}https://d-1234567890.awsapps.com/start/#/\u{2003}",
        "\u{1b}https://d-1234567890.awsapps.com/start/#/\0",
        "https://d-1234567890.awsapps.com/start/\\#/",
        "https:\\/\\/d-1234567890.awsapps.com\\/start\\/\\#\\/",
        "HTTPS://d-1234567890.awsapps.com/start/#/",
        "\"https://d-1234567890.awsapps.com/start/#/\"",
        "'https://d-1234567890.awsapps.com/start/#/'",
        "<https://d-1234567890.awsapps.com/start/#/>",
        "“https://d-1234567890.awsapps.com/start/#/”",
    ] {
        assert_eq!(parsed(text).as_str(), URL, "{text:?}");
        assert_eq!(parsed(URL), parsed(parsed(text).as_str()), "tidying it again changes nothing");
    }
}

#[test]
fn what_is_part_of_an_address_stays_because_a_token_is_filed_under_it() {
    for text in [
        "https://d-1234567890.awsapps.com/start",
        "https://d-1234567890.awsapps.com/start/",
        "https://d-1234567890.awsapps.com/start#/",
        "https://D-1234567890.AWSAPPS.com/start",
        "https://d-1234567890.awsapps.com:443/start?x=1",
        "https://identitycenter.amazonaws.com/ssoins-1111111111111111",
        "http://127.0.0.1:8080/start",
        "http://localhost/start",
        "https://[::1]:1/start",
    ] {
        assert_eq!(parsed(text).as_str(), text);
    }
}

#[test]
fn what_is_no_address_is_refused_with_what_is_wrong() {
    for (text, expected) in [
        ("", "the start URL `` is not an https URL, such as https://d-1234567890.awsapps.com/start"),
        (
            "d-1234567890.awsapps.com/start",
            "the start URL `d-1234567890.awsapps.com/start` is not an https URL, such as \
             https://d-1234567890.awsapps.com/start",
        ),
        (
            "https://",
            "the start URL `https://` has no host; expected a URL such as https://d-1234567890.awsapps.com/start",
        ),
        (
            "https:///start",
            "the start URL `https:///start` has no host; expected a URL such as https://d-1234567890.awsapps.com/start",
        ),
        (
            "https://https://x.awsapps.com/start",
            "the start URL `https://https://x.awsapps.com/start` has no host; expected a URL such as \
             https://d-1234567890.awsapps.com/start",
        ),
        ("https://ada:hunter2@x.awsapps.com/start", "the start URL must not contain a user name or password"),
        ("hunter2@x.awsapps.com", "the start URL must not contain a user name or password"),
        ("https://hunter2 x@x.awsapps.com", "the start URL must not contain a user name or password"),
        (
            "http://x.awsapps.com/start",
            "the start URL must use https, because x.awsapps.com is not a loopback host",
        ),
        ("https://x.awsapps.com/ start", "the start URL has an invalid character: a space (U+0020)"),
        ("https://x.awsapps.com/\nstart", "the start URL has an invalid character: a line break (U+000A)"),
        ("https://x.awsapps.com/\u{7}start", "the start URL has an invalid character: U+0007"),
        ("https://d‑1.awsapps.com", "the start URL has an invalid character: `‑` (U+2011)"),
        ("https:\\\\x.awsapps.com", "the start URL has an invalid character: `\\` (U+005C)"),
    ] {
        assert_eq!(StartUrl::parse(text).unwrap_err().to_string(), expected, "{text:?}");
    }
    for text in ["ftp://x.awsapps.com", "https:x.awsapps.com", "https://:443", "https://x:99999", "://x"] {
        let error = StartUrl::parse(text).unwrap_err();
        assert!(matches!(error, StartUrlError::NotAUrl(_)), "{text}: {error}");
    }
}

#[test]
fn a_host_with_a_region_says_it_and_whether_it_is_dual_stack() {
    use Partition::{AwsCn, AwsEusc, AwsUsGov};
    for (host, region, is_dual_stack, partition) in [
        ("ssoins-1.portal.us-east-2.app.aws", "us-east-2", true, Partition::Aws),
        ("SSOINS-1.Portal.us-east-2.App.AWS.", "us-east-2", true, Partition::Aws),
        ("ssoins-1.portal.us-gov-west-1.app.aws", "us-gov-west-1", true, AwsUsGov),
        ("ssoins-1.eu-central-1.portal.amazonaws.com", "eu-central-1", false, Partition::Aws),
        ("ssoins-1.us-gov-east-1.portal.amazonaws.com", "us-gov-east-1", false, AwsUsGov),
        ("ssoins-1.cn-north-1.portal.amazonaws.com.cn", "cn-north-1", false, AwsCn),
        ("ssoins-1.portal.cn-north-1.app.amazonwebservices.com.cn", "cn-north-1", true, AwsCn),
        ("ssoins-1.eusc-de-east-1.portal.amazonaws.eu", "eusc-de-east-1", false, AwsEusc),
        ("ssoins-1.portal.eusc-de-east-1.api.amazonwebservices.eu", "eusc-de-east-1", true, AwsEusc),
        ("start.cn-northwest-1.home.awsapps.cn", "cn-northwest-1", false, AwsCn),
        ("start.us-gov-west-1.us-gov-home.awsapps.com", "us-gov-west-1", false, AwsUsGov),
    ] {
        let portal = parsed(&format!("https://{host}/directory/x#/"));
        assert_eq!((portal.region(), portal.is_dual_stack()), (Some(region), is_dual_stack), "{host}");
        assert_eq!(portal.partition(), Some(partition), "{host}");
        assert!(portal.is_aws(), "{host}");
    }
}

#[test]
fn a_host_without_a_region_may_still_say_its_partition() {
    for (host, partition) in [
        ("d-1.awsapps.com", Some(Partition::Aws)),
        ("awsapps.com", Some(Partition::Aws)),
        ("start.us-gov-home.awsapps.com", Some(Partition::AwsUsGov)),
        ("start.home.awsapps.cn", Some(Partition::AwsCn)),
        ("identitycenter.amazonaws.com", None),
        ("identitycenter.us-gov.amazonaws.com", Some(Partition::AwsUsGov)),
        ("identitycenter.amazonaws.com.cn", Some(Partition::AwsCn)),
        ("identitycenter.amazonaws.eu", Some(Partition::AwsEusc)),
        ("sso.example.c2s.ic.gov", Some(Partition::AwsIso)),
        ("a.b.portal.us-east-2.app.aws", None),
        ("portal.us-east-2.app.aws", None),
        ("x.portal..app.aws", None),
        ("d-1.cn-north-1.home.awsapps.cn", Some(Partition::AwsCn)),
        ("x.portal.us_east_2.app.aws", None),
    ] {
        let portal = parsed(&format!("https://{host}/"));
        assert_eq!((portal.region(), portal.partition()), (None, partition), "{host}");
        assert!(portal.is_aws() && !portal.is_dual_stack(), "{host}");
    }
}

#[test]
fn a_host_that_only_looks_like_awss_is_not() {
    for host in [
        "aws.example.com",
        "awsapps.com.evil.example",
        "d-1.awsapps.com.evil.example",
        "evilawsapps.com",
        "evilapp.aws",
        "app.aws.example",
        "portal.amazonaws.com.evil.example",
        "xportal.amazonaws.com",
        "amazonaws.com",
        "s3.amazonaws.com",
        "bucket.s3.eu-west-1.amazonaws.com",
        "evil.identitycenter.amazonaws.com",
        "identitycenter.amazonaws.com.evil.example",
        "ssoins-1.us-east-1.portal.amazonaws.com.cn.evil.example",
        "amazonwebservices.eu",
        "api.aws",
        "aws",
    ] {
        let portal = parsed(&format!("https://{host}/start"));
        assert!(!portal.is_aws(), "{host}");
        assert_eq!((portal.region(), portal.partition()), (None, None), "{host}");
    }
}

#[test]
fn a_redirect_counts_only_to_a_portal_of_awss() {
    let own = parsed("https://aws.example.com/sso?x=1#/");
    for (location, expected) in [
        ("https://d-1.awsapps.com/start", "https://d-1.awsapps.com/start"),
        ("https://d-1.awsapps.com/start/?a=b#/c", "https://d-1.awsapps.com/start"),
        ("https://ssoins-1.portal.us-east-2.app.aws:443/", "https://ssoins-1.portal.us-east-2.app.aws"),
        ("HTTPS://SSOINS-1.portal.us-east-2.app.aws.?x", "https://ssoins-1.portal.us-east-2.app.aws"),
        ("//d-1.awsapps.com/start", "https://d-1.awsapps.com/start"),
        ("https://identitycenter.amazonaws.com/ssoins-1/", "https://identitycenter.amazonaws.com/ssoins-1"),
    ] {
        assert_eq!(own.redirected(location).unwrap().as_str(), expected, "{location}");
    }
    for location in [
        "https://evil.example/",
        "https://d-1.awsapps.com.evil.example/start",
        "https://evil.example/https://d-1.awsapps.com/start",
        "https://evil.example?https://d-1.awsapps.com",
        "https://evil.example#.awsapps.com",
        "https://d-1.awsapps.com:8443/start",
        "http://127.0.0.1/start",
        "https://sso.c2s.ic.gov/start",
        "/login",
        "login?to=//d-1.awsapps.com",
        "",
    ] {
        let error = own.redirected(location).unwrap_err();
        assert!(matches!(error, StartUrlError::NotAws(_)), "{location}: {error:?}");
    }
    for location in [
        "http://d-1.awsapps.com/start",
        "https://d-1.awsapps.com@evil.example/",
        "https://evil.example\\.awsapps.com/",
        "javascript://d-1.awsapps.com/%0aalert(1)",
    ] {
        assert!(own.redirected(location).is_err(), "{location}");
    }
}
