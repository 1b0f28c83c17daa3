// openid-client, which signs in with the code flow and PKCE: ISSUER, and for a client of its own CLIENT_ID.
//
// It prints the address of the page on the first line, reads the address that the browser ends at from the first line
// of standard input, and prints the token, refreshed once, as JSON.

import { createInterface } from 'node:readline/promises';
import * as client from 'openid-client';

const { ISSUER, CLIENT_ID, REDIRECT_URI } = process.env;
const options = { execute: [client.allowInsecureRequests] };
const metadata = {
  redirect_uris: [REDIRECT_URI],
  grant_types: ['authorization_code', 'refresh_token'],
  scope: 'openid email',
  token_endpoint_auth_method: 'none',
};
const config = CLIENT_ID
  ? await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, client.None(), options)
  : await client.dynamicClientRegistration(new URL(ISSUER), metadata, client.None(), options);

const pkceCodeVerifier = client.randomPKCECodeVerifier();
const expectedState = client.randomState();
const address = client.buildAuthorizationUrl(config, {
  redirect_uri: REDIRECT_URI,
  scope: 'openid email',
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
  state: expectedState,
});
console.log(address.href);

const input = createInterface({ input: process.stdin });
const [came] = await input[Symbol.asyncIterator]().next().then(({ value }) => [new URL(value)]);
input.close();
try {
  const token = await client.authorizationCodeGrant(config, came, { pkceCodeVerifier, expectedState });
  const refreshed = await client.refreshTokenGrant(config, token.refresh_token);
  console.log(JSON.stringify({ token, refreshed, issuer: config.serverMetadata().issuer }));
} catch (error) {
  console.log(JSON.stringify({ error: error.error ?? error.code ?? String(error), cause: error.cause?.message }));
}
