// Tests of a device login. Run them in this directory, with
//
//     sso-oidc serve --control 0 --oauth-client my-tool --interval 5s -- node --test
//
// A wait of the login moves the server's clock on, so ten minutes take a moment.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Control, ControlError } from "./control.js";
import { DeviceLogin, LoginError } from "./device-login.js";

const SERVER = process.env.AWS_ENDPOINT_URL_SSO_OIDC;
const control = new Control();
let waits = [];
let client;

async function sleep(seconds) {
  waits.push(seconds);
  await control.advance(seconds);
}

beforeEach(async () => {
  await control.reset();
  waits = [];
  client = new DeviceLogin(SERVER, "my-tool", sleep);
});

const login = (show) => client.login("openid", show);
const fails = (error) => (caught) => caught instanceof LoginError && caught.message === error;

/** Returns the status of a request with this access token. */
async function accounts(token) {
  const headers = { "x-amz-sso_bearer_token": token };
  const response = await fetch(`${SERVER}/assignment/accounts`, { headers });
  await response.text();
  return response.status;
}

test("a person approves", async () => {
  const token = await login(control.approve);
  assert.equal(await accounts(token.access_token), 200);
  const [started, polled] = await control.requests();
  assert.deepEqual([started.client_id, started.scopes], ["my-tool", ["openid"]]);
  assert.equal(polled.user_code, started.user_code);
  assert.equal((await control.devices())[0].state, "redeemed");
});

test("a person denies", async () => {
  await assert.rejects(login(control.deny), fails("access_denied"));
});

test("a code expires after ten minutes", async () => {
  await assert.rejects(login(() => {}), fails("expired_token"));
  assert.equal(waits.reduce((sum, wait) => sum + wait), 600);
  const polls = await control.requests({ operation: "CreateToken" });
  const errors = new Set(polls.map((poll) => poll.error));
  assert.deepEqual(errors, new Set(["authorization_pending", "expired_token"]));
});

test("slow_down adds five seconds to every later wait", async () => {
  await control.faults("slow-down@poll:2");
  let userCode;
  client.sleep = async (seconds) => {
    if (waits.length === 3) await control.approve(userCode);
    await sleep(seconds);
  };
  await login((shown) => { userCode = shown; });
  assert.deepEqual(waits, [5, 5, 10, 10]);
});

test("a script lays down each answer and the tokens", async () => {
  await control.script(`
    [[sign_in]]
    user_code = "BCDF-GHJK"
    access_token = "chosen"
    interval = 2
    polls = ["pending", "slow_down", "token"]

    [[sign_in]]
    polls = ["deny"]
  `);
  const shown = [];
  const show = (userCode) => shown.push(userCode);
  assert.equal((await login(show)).access_token, "chosen");
  assert.deepEqual([shown, waits], [["BCDF-GHJK"], [2, 2, 7]]);
  await assert.rejects(login(show), fails("access_denied"));
});

test("an expired token is refreshed", async () => {
  const token = await login(control.approve);
  await control.advance(token.expires_in);
  assert.equal(await accounts(token.access_token), 401);
  const fresh = await client.refresh(token.refresh_token);
  assert.equal(await accounts(fresh.access_token), 200);
});

test("a sign-in that was ended cannot be refreshed", async () => {
  const token = await login(control.approve);
  await control.revoke({ client_id: "my-tool" });
  await assert.rejects(client.refresh(token.refresh_token), fails("invalid_grant"));
});

test("an error of the control API has a name", async () => {
  await assert.rejects(control.approve("BBBB-BBBB"), (error) =>
    error instanceof ControlError && error.status === 404 && error.code === "unknown_user_code");
});
