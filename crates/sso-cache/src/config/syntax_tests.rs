//! Tests of the config file's format.

use super::*;

fn parse(text: &str) -> Result<BTreeMap<Header, Section>, SyntaxError> {
    super::parse(text, File::Config).map(|parsed| parsed.sections)
}

fn text<'a>(sections: &'a BTreeMap<Header, Section>, header: &Header, key: &str) -> &'a str {
    match &sections[header][key].value {
        Value::Text(text) => text,
        Value::Nested(nested) => panic!("nested: {nested:?}"),
    }
}

fn problem(text: &str) -> (usize, Problem) {
    let error = parse(text).unwrap_err();
    (error.line, error.problem)
}

#[test]
fn comments_blank_lines_crlf_and_a_byte_order_mark_are_no_content() {
    let sections =
        parse("\u{feff}# top\r\n\r\n[default] ; why\r\n; other\r\nRegion = eu-west-1 # home\r\n  # in\r\n")
            .unwrap();
    assert_eq!(sections.len(), 1);
    assert_eq!(text(&sections, &Header::Default, "region"), "eu-west-1");
}

#[test]
fn a_number_sign_without_a_blank_before_it_belongs_to_the_value() {
    let sections = parse("[default]\nsso_start_url = https://d-1.awsapps.com/start#/\nx=#none\n").unwrap();
    assert_eq!(text(&sections, &Header::Default, "sso_start_url"), "https://d-1.awsapps.com/start#/");
    assert_eq!(text(&sections, &Header::Default, "x"), "");
}

#[test]
fn lines_end_with_lf_cr_lf_or_a_cr_alone() {
    let all: Vec<&str> = lines("a\nb\r\nc\rd\r\r\ne\n").collect();
    assert_eq!(all, ["a", "b", "c", "d", "", "e", ""]);
    let sections = parse("[default]\rregion = a\r\r[sso-session s]\rsso_region = b\r").unwrap();
    assert_eq!(text(&sections, &Header::Default, "region"), "a");
    assert_eq!(text(&sections, &Header::SsoSession("s".to_owned()), "sso_region"), "b");
    assert_eq!(problem("[default]\r\rnonsense\r").0, 3);
}

#[test]
fn text_behind_a_header_is_not_looked_at() {
    let sections = parse("[profile work] mine\nregion = a\n[default]x = y\nregion = b\n").unwrap();
    assert_eq!(text(&sections, &Header::Profile("work".to_owned()), "region"), "a");
    assert_eq!(sections[&Header::Default].len(), 1);
}

#[test]
fn a_header_of_the_credentials_file_is_a_name_to_the_letter() {
    let parsed = super::parse("[ my work ] # ]\n[profile a]\n['b']\n[sso-session s]\n", File::Credentials);
    let names: Vec<Header> = parsed.unwrap().sections.into_keys().collect();
    let expected = ["'b'", "my work", "profile a", "sso-session s"];
    assert_eq!(names, expected.map(|name| Header::Profile(name.to_owned())));
}

#[test]
fn keys_are_lowercase_values_keep_their_case_quotes_and_later_delimiters() {
    let sections = parse("[default]\nKEY=A=\"b\"\nother: x = y\n").unwrap();
    assert_eq!(text(&sections, &Header::Default, "key"), "A=\"b\"");
    assert_eq!(text(&sections, &Header::Default, "other"), "x = y");
}

#[test]
fn header_names_follow_shell_quoting() {
    let sections = parse(concat!(
        "[profile plain]\n[profile \"two words\"]\n[ profile  'it''s' ]\n[profile a\\ b]\n",
        "[sso-session é]\n[services s] # ]\n[profile two words]\n[profile]\n[profile \"open]\n[plugins]\n",
    ))
    .unwrap();
    let expected = [
        Header::Profile("plain".to_owned()),
        Header::Profile("two words".to_owned()),
        Header::Profile("its".to_owned()),
        Header::Profile("a b".to_owned()),
        Header::SsoSession("é".to_owned()),
        Header::Services("s".to_owned()),
    ];
    for header in &expected {
        assert!(sections.contains_key(header), "{header:?}");
    }
    let others = sections.keys().filter(|header| matches!(header, Header::Other(_))).count();
    assert_eq!(others, 4);
}

#[test]
fn indented_lines_nest_below_an_empty_value_and_continue_a_full_one() {
    let sections = parse(concat!(
        "[services s]\nsso_oidc =\n  Endpoint_URL = http://127.0.0.1:8000\n\n  # note\n  other = 1 ; c\n",
        "sso=\nlong = one\n  two\n",
    ))
    .unwrap();
    let section = &sections[&Header::Services("s".to_owned())];
    let expected = BTreeMap::from([
        ("endpoint_url".to_owned(), "http://127.0.0.1:8000".to_owned()),
        ("other".to_owned(), "1".to_owned()),
    ]);
    assert_eq!(section["sso_oidc"].value, Value::Nested(expected));
    assert_eq!(section["sso"].value, Value::Text(String::new()));
    assert_eq!(section["long"].value, Value::Text("one\ntwo".to_owned()));
}

#[test]
fn a_section_whose_properties_are_all_indented_alike_is_not_one_long_value() {
    let sections = parse("[default]\n  region = a\n  output = json\n").unwrap();
    assert_eq!(text(&sections, &Header::Default, "region"), "a");
    assert_eq!(text(&sections, &Header::Default, "output"), "json");
}

#[test]
fn malformed_lines_are_named_by_number_and_problem() {
    let key = "k".to_owned();
    for (input, line, expected) in [
        ("region = x\n", 1, Problem::OutsideSection),
        ("# c\n\n[default\n", 3, Problem::UnclosedHeader),
        ("[]\n", 1, Problem::EmptyHeader),
        ("[ ]\n", 1, Problem::EmptyHeader),
        ("[default]\nregion\n", 2, Problem::NotAProperty),
        ("[default]\n= x\n", 2, Problem::EmptyKey),
        ("[default]\ns3 =\n  fast\n", 3, Problem::NotAProperty),
        ("[default]\ns3 =\n  = 1\n", 3, Problem::EmptyKey),
        ("[profile a]\n[profile 'a']\n", 2, Problem::DuplicateSection { first: 1 }),
        ("[default]\nK = 1\nk = 2\n", 3, Problem::DuplicateKey { key, first: 2 }),
    ] {
        assert_eq!(problem(input), (line, expected), "{input:?}");
    }
}

#[test]
fn unknown_sections_may_repeat_because_nothing_is_read_from_them() {
    let unread = super::parse("[plugins]\n[plugins]\n", File::Config).unwrap().unread;
    assert_eq!(unread, [(1, "plugins".to_owned()), (2, "plugins".to_owned())]);
}

#[test]
fn no_text_makes_the_parser_panic() {
    for input in ["[", "]", "=", "[]]", "[é", "\u{feff}", "[a]\n é", "[a]\nk=\n\u{a0}é=", "[a]\n\\", "[a\\]"]
    {
        let _either_is_fine = parse(input);
    }
}
