// openid-client, which signs in with the code flow and PKCE, or with FLOW=device: ISSUER, and for a client of its own
// CLIENT_ID. It verifies the signature of each ID token with the keys of the server.
//
// It prints the address of the page on the first line. With the code flow it reads the address that the browser ends at
// from the first line of standard input. Then it prints the token, refreshed once, as JSON, with what the ID tokens say.

import { createInterface } from 'node:readline/promises';
import * as client from 'openid-client';

const { ISSUER, CLIENT_ID, REDIRECT_URI, FLOW } = process.env;
const options = { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] };
const metadata = {
  redirect_uris: [REDIRECT_URI],
  grant_types: ['authorization_code', 'refresh_token'],
  scope: 'openid email',
  token_endpoint_auth_method: 'none',
};
const config = CLIENT_ID
  ? await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, client.None(), options)
  : await client.dynamicClientRegistration(new URL(ISSUER), metadata, client.None(), options);

async function byDevice() {
  const device = await client.initiateDeviceAuthorization(config, { scope: 'openid email' });
  console.log(device.verification_uri_complete);
  return [await client.pollDeviceAuthorizationGrant(config, device), undefined];
}

async function byCode() {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: 'openid email',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
  });
  console.log(address.href);

  const input = createInterface({ input: process.stdin });
  const [came] = await input[Symbol.asyncIterator]().next().then(({ value }) => [new URL(value)]);
  input.close();
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  return [await client.authorizationCodeGrant(config, came, checks), expectedNonce];
}

try {
  const [token, nonce] = await (FLOW === 'device' ? byDevice() : byCode());
  const claims = token.claims();
  const person = await client.fetchUserInfo(config, token.access_token, claims.sub);
  const state = await client.tokenIntrospection(config, token.access_token);
  const refreshed = await client.refreshTokenGrant(config, token.refresh_token);
  const { issuer } = config.serverMetadata();
  const said = { claims, nonce, person, state, fresh: refreshed.claims() };
  console.log(JSON.stringify({ token, refreshed, issuer, ...said }));
} catch (error) {
  console.log(JSON.stringify({ error: error.error ?? error.code ?? String(error), cause: error.cause?.message }));
}
