//! The exact output of every format and operation, equal to the AWS CLI's for the same response. The yaml is
//! that of version 2, the others are of version 1.46.

mod common;

use common::{DEVICE_CODE, Program, Stub, run, success};

const REGISTRATION: &str = r#"{"clientSecretExpiresAt":1707776000,"clientId":"cid","clientSecret":"csec",
    "clientIdIssuedAt":1700000000,"authorizationEndpoint":null,"unknown":1}"#;
const DEVICE: &str = r#"{"deviceCode":"dc","expiresIn":600,"interval":1,"userCode":"PMPJ-VZCJ",
    "verificationUri":"https://d/","verificationUriComplete":"https://d/?user_code=PMPJ-VZCJ"}"#;
const TOKEN: &str =
    r#"{"accessToken":"at","expiresIn":3600,"tokenType":"Bearer","refreshToken":"rt","idToken":null}"#;

fn register(format: &str, more: &[&str]) -> String {
    let stub = Stub::always(success(REGISTRATION));
    let mut arguments = vec!["register-client", "--client-name", "n", "--client-type", "public"];
    arguments.extend(["--endpoint-url", &stub.endpoint, "--output", format]);
    arguments.extend(more);
    run(&arguments).ok()
}

fn start(format: &str) -> String {
    let stub = Stub::always(success(DEVICE));
    let mut arguments = vec!["start-device-authorization", "--client-id", "i", "--client-secret", "s"];
    arguments.extend([
        "--start-url",
        "https://p/start",
        "--endpoint-url",
        &stub.endpoint,
        "--output",
        format,
    ]);
    run(&arguments).ok()
}

fn create(format: &str) -> String {
    let stub = Stub::always(success(TOKEN));
    let mut arguments = vec!["create-token", "--client-id", "i", "--client-secret", "s"];
    arguments.extend(["--grant-type", DEVICE_CODE, "--device-code", "dc"]);
    arguments.extend(["--endpoint-url", &stub.endpoint, "--output", format]);
    run(&arguments).ok()
}

#[test]
fn json_has_the_models_order_and_no_null() {
    assert_eq!(
        register("json", &[]),
        r#"{
    "clientId": "cid",
    "clientSecret": "csec",
    "clientIdIssuedAt": 1700000000,
    "clientSecretExpiresAt": 1707776000
}
"#
    );
    assert_eq!(
        start("json"),
        r#"{
    "deviceCode": "dc",
    "userCode": "PMPJ-VZCJ",
    "verificationUri": "https://d/",
    "verificationUriComplete": "https://d/?user_code=PMPJ-VZCJ",
    "expiresIn": 600,
    "interval": 1
}
"#
    );
    assert_eq!(
        create("json"),
        r#"{
    "accessToken": "at",
    "tokenType": "Bearer",
    "expiresIn": 3600,
    "refreshToken": "rt"
}
"#
    );
}

#[test]
fn text_is_tabs_in_alphabetical_order() {
    assert_eq!(register("text", &[]), "cid\t1700000000\tcsec\t1707776000\n");
    assert_eq!(start("text"), "dc\t600\t1\tPMPJ-VZCJ\thttps://d/\thttps://d/?user_code=PMPJ-VZCJ\n");
    assert_eq!(create("text"), "at\t3600\trt\tBearer\n");
}

#[test]
fn a_table_is_drawn_as_the_aws_cli_draws_it() {
    assert_eq!(
        register("table", &[]),
        "\
---------------------------------------------------------------------------
|                             RegisterClient                              |
+----------+--------------------+---------------+-------------------------+
| clientId | clientIdIssuedAt   | clientSecret  |  clientSecretExpiresAt  |
+----------+--------------------+---------------+-------------------------+
|  cid     |  1700000000        |  csec         |  1707776000             |
+----------+--------------------+---------------+-------------------------+
"
    );
    assert_eq!(
        start("table"),
        "\
---------------------------------------------------------------
|                  StartDeviceAuthorization                   |
+--------------------------+----------------------------------+
|  deviceCode              |  dc                              |
|  expiresIn               |  600                             |
|  interval                |  1                               |
|  userCode                |  PMPJ-VZCJ                       |
|  verificationUri         |  https://d/                      |
|  verificationUriComplete |  https://d/?user_code=PMPJ-VZCJ  |
+--------------------------+----------------------------------+
"
    );
    assert_eq!(
        create("table"),
        "\
-----------------------------------------------------------
|                       CreateToken                       |
+--------------+------------+----------------+------------+
|  accessToken | expiresIn  | refreshToken   | tokenType  |
+--------------+------------+----------------+------------+
|  at          |  3600      |  rt            |  Bearer    |
+--------------+------------+----------------+------------+
"
    );
}

#[test]
fn yaml_is_in_block_style_and_alphabetical_order() {
    assert_eq!(
        register("yaml", &[]),
        "clientId: cid\nclientIdIssuedAt: 1700000000\nclientSecret: csec\nclientSecretExpiresAt: 1707776000\n"
    );
    assert_eq!(
        start("yaml"),
        "deviceCode: dc\nexpiresIn: 600\ninterval: 1\nuserCode: PMPJ-VZCJ\nverificationUri: https://d/\n\
         verificationUriComplete: https://d/?user_code=PMPJ-VZCJ\n"
    );
    assert_eq!(create("yaml"), "accessToken: at\nexpiresIn: 3600\nrefreshToken: rt\ntokenType: Bearer\n");
}

#[test]
fn yaml_stream_is_a_list_of_the_one_result() {
    assert_eq!(
        register("yaml-stream", &[]),
        "- clientId: cid\n  clientIdIssuedAt: 1700000000\n  clientSecret: csec\n  clientSecretExpiresAt: 1707776000\n"
    );
    assert_eq!(register("yaml-stream", &["--query", "clientId"]), "- cid\n");
    let stub = Stub::always(success(REGISTRATION));
    let program = Program::new().var("AWS_DEFAULT_OUTPUT", "yaml-stream");
    let arguments = ["register-client", "--client-name", "n", "--client-type", "public", "--endpoint-url"];
    assert!(program.run(&[&arguments[..], &[&stub.endpoint]].concat()).ok().starts_with("- clientId: cid\n"));
}

#[test]
fn a_query_picks_from_the_result_in_every_format() {
    assert_eq!(register("json", &["--query", "clientId"]), "\"cid\"\n");
    assert_eq!(register("json", &["--query", "nope"]), "null\n");
    assert_eq!(register("text", &["--query", "clientId"]), "cid\n");
    assert_eq!(register("text", &["--query", "nope"]), "None\n");
    assert_eq!(register("text", &["--query", "[clientId,clientSecret]"]), "cid\tcsec\n");
    assert_eq!(register("text", &["--query", "{a:clientId,b:{c:clientSecret}}"]), "cid\nB\tcsec\n");
    assert_eq!(register("text", &["--query", "[[clientId],[clientSecret]]"]), "cid\ncsec\n");
    assert_eq!(register("yaml", &["--query", "[clientId,clientIdIssuedAt]"]), "- cid\n- 1700000000\n");
    assert_eq!(
        register("json", &["--query", "{b:clientSecret,a:clientId}"]),
        "{\n    \"b\": \"csec\",\n    \"a\": \"cid\"\n}\n"
    );
    assert_eq!(
        register("table", &["--query", "{a:clientId,b:{c:clientSecret}}"]),
        "\
-----------------
|RegisterClient |
+-----+---------+
|  a  |  cid    |
+-----+---------+
||      b      ||
|+----+--------+|
||  c |  csec  ||
|+----+--------+|
"
    );
}

#[test]
fn colour_is_only_used_when_asked_for() {
    let stub = Stub::always(success(REGISTRATION));
    let arguments = |color| {
        let mut arguments = vec!["--color", color, "--output", "table", "--endpoint-url", &stub.endpoint];
        arguments.extend(["register-client", "--client-name", "n", "--client-type", "public"]);
        arguments
    };
    assert!(Program::new().run(&arguments("always")).ok().contains("\u{1b}["));
    assert!(!Program::new().run(&arguments("auto")).ok().contains('\u{1b}'));
    assert!(!Program::new().run(&arguments("never")).ok().contains('\u{1b}'));
}

#[test]
fn a_skeleton_is_what_the_aws_cli_prints_and_needs_no_configuration() {
    assert_eq!(
        run(&["create-token", "--generate-cli-skeleton"]).ok(),
        r#"{
    "clientId": "",
    "clientSecret": "",
    "grantType": "",
    "deviceCode": "",
    "code": "",
    "refreshToken": "",
    "scope": [
        ""
    ],
    "redirectUri": "",
    "codeVerifier": ""
}
"#
    );
    assert_eq!(
        run(&["start-device-authorization", "--generate-cli-skeleton", "input"]).ok(),
        "{\n    \"clientId\": \"\",\n    \"clientSecret\": \"\",\n    \"startUrl\": \"\"\n}\n"
    );
    assert_eq!(
        run(&["register-client", "--generate-cli-skeleton", "output"]).ok(),
        r#"{
    "clientId": "clientId",
    "clientSecret": "clientSecret",
    "clientIdIssuedAt": 0,
    "clientSecretExpiresAt": 0,
    "authorizationEndpoint": "authorizationEndpoint",
    "tokenEndpoint": "tokenEndpoint"
}
"#
    );
    assert_eq!(
        run(&["create-token", "--generate-cli-skeleton", "output", "--output", "text"]).ok(),
        "accessToken\t0\tidToken\trefreshToken\ttokenType\n"
    );
}

#[test]
fn a_skeleton_can_be_given_back_as_input() {
    let stub = Stub::always(success(REGISTRATION));
    let program = Program::new();
    let skeleton = program.run(&["register-client", "--generate-cli-skeleton"]).ok();
    let filled = skeleton.replacen("\"\"", "\"n\"", 1).replacen("\"\"", "\"public\"", 1);
    let path = format!("file://{}", program.file("input.json", &filled));
    program.run(&["register-client", "--cli-input-json", &path, "--endpoint-url", &stub.endpoint]).ok();
    let sent: serde_json::Value = serde_json::from_str(&stub.bodies()[0]).unwrap();
    assert_eq!(sent, serde_json::json!({ "clientName": "n", "clientType": "public" }));
}
